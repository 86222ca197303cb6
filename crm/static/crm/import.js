// The name and the type of an attribute show only where a column goes to one.
for (const row of document.querySelectorAll("[data-target]")) {
  const [target, ...details] = row.querySelectorAll("select, input");
  const show = () => {
    for (const detail of details) detail.hidden = target.value !== "attribute";
  };
  target.addEventListener("change", show);
  show();
}
