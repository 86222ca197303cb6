// Whoever saves other rules of a segment in use is asked once, with what it touches before them.
const dialog = document.getElementById("in-use-dialog");
const form = document.getElementById("segment_form");

/* What decides who is in: rules count by what they say, not by how they are written. */
const meaning = () => {
  const value = (id) => document.getElementById(id)?.value ?? "";
  let rules = value("id_rules");
  try {
    rules = JSON.stringify(JSON.parse(rules));
  } catch {
    /* Refused when it is saved. */
  }
  return JSON.stringify([value("id_kind"), value("id_cluster"), rules]);
};

if (dialog && form) {
  const before = meaning();
  let isSure = false;
  let pressed = null;
  form.addEventListener("submit", (event) => {
    if (isSure || meaning() === before) return;
    event.preventDefault();
    pressed = event.submitter;
    dialog.showModal();
    dialog.querySelector("[data-save]").focus();
  });
  dialog.querySelector("[data-save]").addEventListener("click", () => {
    isSure = true;
    dialog.close();
    form.requestSubmit(pressed);
  });
}
