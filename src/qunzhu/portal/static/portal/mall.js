// The mall: a sheet that asks before points are spent, questions before an order changes, copying. Works without it.
"use strict";
(() => {
  const one = (id) => document.getElementById(id);
  const form = one("redeem"), sheet = one("confirm");
  if (form && sheet) {
    let sure = false;
    form.addEventListener("submit", (event) => {
      if (sure) return;
      event.preventDefault();
      const to = one("confirm-to");
      if (to) to.textContent = ["recipient", "phone", "address"].map((name) => form.elements[name].value.trim()).join(" ");
      sheet.showModal();
    });
    one("confirm-no").addEventListener("click", () => sheet.close());
    sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); });
    one("confirm-yes").addEventListener("click", (event) => {
      if (sure) return;
      sure = true;
      event.target.disabled = true;
      form.submit();
    });
    window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }

  const ask = one("ask");
  let pressed = null;
  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) navigator.clipboard.writeText(copy.dataset.copy).then(() => { copy.textContent = copy.dataset.copied; });
    const button = event.target.closest("[data-ask]");
    if (!button || !ask || pressed === button) return;
    event.preventDefault();
    pressed = button;
    one("ask-words").textContent = button.dataset.ask;
    ask.showModal();
  });
  if (ask) {
    ask.addEventListener("close", () => { pressed = null; });
    one("ask-no").addEventListener("click", () => ask.close());
    one("ask-yes").addEventListener("click", () => { pressed.form.requestSubmit(pressed); });
  }
})();
