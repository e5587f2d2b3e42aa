// Cases and jobs: pressing a button by its key, asking before what cannot be undone, choosing many rows, progress.
"use strict";
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  let afterG = 0;

  document.addEventListener("submit", (event) => {
    const question = event.submitter && event.submitter.dataset.confirm;
    if (question && !window.confirm(question)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);

  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (typing || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
    if (event.key === "g") { afterG = Date.now(); return; }
    if (Date.now() - afterG < 1200) return;
    const button = all("[data-key]").find((b) => b.dataset.key === event.key);
    if (button) { event.preventDefault(); button.form.requestSubmit(button); return; }
    const box = event.key === "x" && one("tr.picked input[type=checkbox]");
    if (box) box.click();
  });

  all("[data-bulk]").forEach((form) => {
    const bar = one(".bulk", form);
    if (!bar) return;
    const boxes = all("tbody input[type=checkbox]", form);
    const master = one("[data-bulk-all]", form);
    const say = () => {
      const chosen = boxes.filter((b) => b.checked).length;
      bar.hidden = !chosen;
      const word = one("[data-bulk-count]", bar);
      word.textContent = word.dataset.word.replace("{n}", chosen);
      master.checked = chosen === boxes.length;
      master.indeterminate = chosen > 0 && chosen < boxes.length;
    };
    master.addEventListener("change", () => { boxes.forEach((b) => { b.checked = master.checked; }); say(); });
    boxes.forEach((b) => b.addEventListener("change", say));
    say();
  });

  document.addEventListener("change", (event) => {
    const name = event.target.type === "file" && one("[data-file-name]", event.target.parentElement);
    if (name) name.textContent = event.target.files.length ? event.target.files[0].name : "";
  });

  // Fields that belong to one choice of a list show with that choice only.
  all("select").forEach((choice) => {
    const parts = choice.form ? all("[data-for]", choice.form) : [];
    if (!parts.length) return;
    const show = () => parts.forEach((p) => { p.hidden = !p.dataset.for.split(" ").includes(choice.value); });
    choice.addEventListener("change", show);
    show();
  });

  // A running job is asked for its state every second until it has ended; leaving the page does not stop it.
  const watch = async (part) => {
    try {
      const answer = await fetch(part.dataset.job, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
      if (answer.ok) part.innerHTML = await answer.text();
    } catch { /* the next second tries again */ }
    if (one("[data-job-running]", part)) setTimeout(() => watch(part), 1000);
  };
  all("[data-job]").forEach((part) => { if (one("[data-job-running]", part)) setTimeout(() => watch(part), 1000); });
})();
