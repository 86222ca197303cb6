/* The template editor: live preview, variables by click, and the way to a line with an error. */
(() => {
  "use strict";

  const editor = document.getElementById("editor");
  const preview = document.getElementById("preview");
  if (!editor) return;

  const settle = () => editor.dispatchEvent(new Event("change-settled"));
  let timer;
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(settle, 500);
  };

  const channel = () => editor.elements.channel.value;

  /* An SMS has no subject and no HTML: the text takes their place. */
  const fitChannel = () => {
    const isMail = channel() === "email";
    for (const part of editor.querySelectorAll("[data-only]")) part.hidden = part.dataset.only !== channel();
    const shown = isMail ? editor.querySelector("[role=tab][aria-selected=true]").id : "tab-text";
    editor.elements.text.rows = isMail ? 26 : 8;
    document.getElementById("part-html").hidden = shown !== "tab-html";
    document.getElementById("part-text").hidden = shown !== "tab-text";
  };

  const openCode = (part) => {
    if (part === "subject") return editor.elements.subject;
    if (channel() === "email") document.getElementById(part === "text" ? "tab-text" : "tab-html").click();
    return editor.elements[part === "text" ? "text" : "html"];
  };

  const goToLine = (part, line) => {
    const code = openCode(part);
    const lines = code.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
    code.focus();
    code.setSelectionRange(start, start + (lines[line - 1] || "").length);
    code.scrollTop = Math.max(0, (line - 4) * parseFloat(getComputedStyle(code).lineHeight));
  };

  let lastField = null;
  const insert = (text) => {
    const field = lastField || openCode(channel() === "sms" ? "text" : "html");
    field.focus();
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    later();
  };

  const choosePerson = (button) => {
    document.getElementById("chosen").value = button.dataset.person;
    document.getElementById("person").value = button.dataset.name;
    document.getElementById("people").replaceChildren();
    settle();
  };

  editor.addEventListener("input", (event) => {
    if (event.target.id !== "person" && event.target.form === editor) later();
  });
  editor.addEventListener("change", (event) => {
    if (event.target.name === "channel") {
      fitChannel();
      later();
    }
  });
  editor.addEventListener("focusin", (event) => {
    if (event.target.matches(".rp-code, [name=subject]")) lastField = event.target;
    if (event.target.id === "person") event.target.select();
  });
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Tab" && event.target.matches(".rp-code") && !event.shiftKey) {
      event.preventDefault();
      event.target.setRangeText("  ", event.target.selectionStart, event.target.selectionEnd, "end");
    }
    /* Tab writes into the code, so Escape is the way out by keyboard. */
    if (event.key === "Escape" && event.target.matches(".rp-code")) preview?.focus();
    if (event.key === "Enter" && event.target.id === "person") event.preventDefault();
    if (event.key === "s" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      editor.requestSubmit();
    }
  });
  editor.addEventListener("click", (event) => {
    const variable = event.target.closest("[data-variable]");
    if (variable) insert(`{{ ${variable.dataset.variable} }}`);
    const snippet = event.target.closest("[data-insert]");
    if (snippet) insert(snippet.dataset.insert);
    const line = event.target.closest("[data-line]");
    if (line) goToLine(line.dataset.part, Number(line.dataset.line));
    const person = event.target.closest("[data-person]");
    if (person) choosePerson(person);
  });
  fitChannel();
})();
