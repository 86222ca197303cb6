// The live count beside the rules: an estimate where the exact answer takes its time.

const PAUSE = 300;
const PATIENCE = 350;

export class Preview {
  constructor(box, address, words) {
    this.box = box;
    this.address = address;
    this.words = words;
    this.token = crypto.getRandomValues(new Uint32Array(2)).join("");
    this.turn = 0;
    // Whoever leaves the page waits for nothing any more.
    addEventListener("pagehide", () => this.leave());
  }

  ask(text) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.count(text), PAUSE);
    this.busy("asked");
  }

  async count(text) {
    this.stop?.abort();
    const stop = (this.stop = new AbortController());
    this.turn += 1;
    try {
      const exact = this.post(text, "exact", stop.signal);
      const wait = new Promise((done) => setTimeout(done, PATIENCE, null));
      const early = await Promise.race([exact, wait]);
      if (early === null) {
        this.busy("counting");
        let isSettled = false;
        exact.then(() => (isSettled = true), () => {});
        const guess = await this.post(text, "estimate", stop.signal);
        if (!isSettled && guess) this.show(guess, "about");
      }
      this.show(await exact, "");
    } catch (error) {
      if (error.name === "AbortError") return;
      this.box.textContent = this.words.failed;
      this.busy("");
    }
  }

  /* An empty answer means that something newer was asked meanwhile. */
  async post(text, how, signal) {
    const answer = await fetch(this.address, { method: "POST", body: this.form(how, text), signal });
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.text();
  }

  form(how, rules = "") {
    const csrfmiddlewaretoken = document.querySelector("[name=csrfmiddlewaretoken]").value;
    return new URLSearchParams({ csrfmiddlewaretoken, rules, how, token: this.token, turn: this.turn });
  }

  leave() {
    if (!this.box.dataset.busy) return;
    this.turn += 1;
    navigator.sendBeacon(this.address, this.form("stop"));
  }

  show(html, busy) {
    if (!html) return;
    this.box.innerHTML = html;
    this.busy(busy);
    this.box.dispatchEvent(new CustomEvent("htmx:load", { detail: {}, bubbles: true }));
  }

  /* "asked": all of it is old; "counting": so it is, and it takes a while; "about": an estimate. */
  busy(how) {
    this.box.dataset.busy = how;
    this.box.setAttribute("aria-busy", String(how !== ""));
    this.box.classList.toggle("rp-is-busy", how === "asked" || how === "counting");
  }
}
