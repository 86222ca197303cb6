// The live count beside the rules: an estimate where the exact answer takes its time.

const PAUSE = 300;
const PATIENCE = 350;

export class Preview {
  constructor(box, address, words) {
    this.box = box;
    this.address = address;
    this.words = words;
    this.token = crypto.getRandomValues(new Uint32Array(2)).join("");
  }

  ask(text) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.count(text), PAUSE);
    this.box.classList.add("rp-is-busy");
  }

  async count(text) {
    this.stop?.abort();
    const stop = (this.stop = new AbortController());
    try {
      const exact = this.post(text, "exact", stop.signal);
      const wait = new Promise((done) => setTimeout(done, PATIENCE, null));
      const early = await Promise.race([exact, wait]);
      if (early === null) {
        let isSettled = false;
        exact.then(() => (isSettled = true), () => {});
        const guess = await this.post(text, "estimate", stop.signal);
        if (!isSettled) this.show(guess, true);
      }
      this.show(await exact, false);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.box.textContent = this.words.failed;
      this.box.classList.remove("rp-is-busy");
    }
  }

  async post(text, how, signal) {
    const answer = await fetch(this.address, {
      method: "POST",
      headers: { "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value },
      body: new URLSearchParams({ rules: text, how, token: this.token }),
      signal,
    });
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.text();
  }

  show(html, isBusy) {
    this.box.innerHTML = html;
    this.box.classList.toggle("rp-is-busy", isBusy);
    this.box.dispatchEvent(new CustomEvent("htmx:load", { detail: {}, bubbles: true }));
  }
}
