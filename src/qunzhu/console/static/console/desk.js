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
    const open = event.key === "o" && one(".picked [data-open], .picked[data-open]");
    if (open) { open.click(); return; }
    const box = one("tr.picked input[type=checkbox]");
    if (event.key === "x" && box) { box.click(); return; }
    const master = event.key === "a" && one("[data-bulk-all]");
    if (master) { master.click(); return; }
    const bulk = all("[data-bulk-key]").find((b) => b.dataset.bulkKey === event.key);
    if (!bulk) return;
    event.preventDefault();
    if (box && !all("tbody input[type=checkbox]:checked", bulk.form).length) box.click();
    const wanted = bulk.hasAttribute("formaction") && one("select[name=action]", bulk.form);
    if (wanted && !wanted.value) wanted.focus();  // first what, then the preview
    else if (all("tbody input[type=checkbox]:checked", bulk.form).length) bulk.form.requestSubmit(bulk);
  });

  all("[data-bulk]").forEach((form) => {
    const bar = one(".bulk", form);
    if (!bar) return;
    const master = one("[data-bulk-all]", form);
    const say = () => {
      const boxes = all("tbody input[type=checkbox]", form);  // rows come and go
      const chosen = boxes.filter((b) => b.checked).length;
      bar.hidden = !chosen;
      const word = one("[data-bulk-count]", bar);
      word.textContent = word.dataset.word.replace("{n}", chosen);
      master.checked = chosen > 0 && chosen === boxes.length;
      master.indeterminate = chosen > 0 && chosen < boxes.length;
    };
    master.addEventListener("change", () => {
      all("tbody input[type=checkbox]", form).forEach((b) => { b.checked = master.checked; });
      say();
    });
    form.addEventListener("change", say);
    form.addEventListener("rows", say);
    say();
  });

  // The queue's rows and clocks are asked for anew while one looks at them. What was chosen stays chosen, unless its
  // case has changed: then the box carries another version, and it must be looked at first.
  const rows = one("[data-live-rows]");
  const renew = async () => {
    if (document.hidden || one("dialog[open]")) return;
    try {
      const answer = await fetch(location.href, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
      if (!answer.ok) return;
      const fresh = one("[data-live-rows]", new DOMParser().parseFromString(await answer.text(), "text/html"));
      if (!fresh) { location.reload(); return; }  // the last case is gone
      const chosen = new Set(all("input:checked", rows).map((b) => b.value));
      const picked = one("tr.picked [data-open]", rows);
      rows.innerHTML = fresh.innerHTML;
      all("input[type=checkbox]", rows).forEach((b) => { b.checked = chosen.has(b.value); });
      const again = picked && one(`[data-open][href="${CSS.escape(picked.getAttribute("href"))}"]`, rows);
      if (again) again.closest("tr").classList.add("picked");
      if (rows.closest("form")) rows.closest("form").dispatchEvent(new Event("rows"));
    } catch { /* the next round tries again */ }
  };
  if (rows) setInterval(renew, 10000);

  // Ours is the only listener for a file that is picked: Unfold's looks for a text field that is not there, and fails.
  document.addEventListener("change", (event) => {
    const name = event.target.type === "file" && one("[data-file-name]", event.target.parentElement);
    if (!name) return;
    event.stopImmediatePropagation();
    name.textContent = event.target.files.length ? event.target.files[0].name : "";
  }, true);

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
    else if ("thenReload" in part.dataset) window.location.reload();
  };
  all("[data-job]").forEach((part) => { if (one("[data-job-running]", part)) setTimeout(() => watch(part), 1000); });
})();
