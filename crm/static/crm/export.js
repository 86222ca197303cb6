// Shows the columns of the kind that is chosen.
const form = document.querySelector("[data-export]");
form?.elements.kind.addEventListener("change", (event) => {
  for (const part of form.querySelectorAll("[data-kind]")) {
    part.hidden = part.dataset.kind !== event.target.value;
  }
});
