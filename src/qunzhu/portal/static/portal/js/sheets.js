// Sheets, questions and short notices, on <dialog>: focus is held and Escape closes, as people expect.

import { byId, el } from "./dom.js";
import { t } from "./words.js";

/** Opens a sheet around `content`; resolves when it is closed. `title` names it for those who cannot see it. */
export function openSheet(title, content, { kind = "sheet" } = {}) {
  const dialog = el("dialog", { class: kind, "aria-label": title }, content);
  document.body.append(dialog);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  const closed = new Promise((done) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      done(dialog.returnValue);
    });
  });
  dialog.showModal();
  return { dialog, closed };
}

/** A list of actions to choose from: [{label, run, danger?}]. */
export function actionSheet(title, actions) {
  const list = el("div", { class: "actions" });
  const { dialog } = openSheet(title, list, { kind: "sheet action-sheet" });
  list.append(el("p", { class: "actions-title", text: title }));
  for (const { label, run, danger } of actions) {
    const choose = () => {
      dialog.close();
      run();
    };
    list.append(el("button", { type: "button", class: danger ? "action danger" : "action", text: label, onclick: choose }));
  }
  list.append(el("button", { type: "button", class: "action cancel", text: t("cancel"), onclick: () => dialog.close() }));
}

/** Asks before something that touches others; resolves to true or false. */
export async function confirmAct(title, text, yes) {
  const form = el(
    "form", { method: "dialog", class: "ask" },
    el("h2", { text: title }), el("p", { text }),
    el("div", { class: "ask-buttons" },
      el("button", { value: "no", text: t("cancel") }), el("button", { value: "yes", class: "primary", text: yes })),
  );
  const { closed } = openSheet(title, form, { kind: "modal" });
  return (await closed) === "yes";
}

/** Asks for a text; resolves to it, trimmed, or to null. */
export async function askText(title, { value = "", label, yes, long = false, max = 40 }) {
  const field = long ? el("textarea", { rows: 6, maxlength: max, "aria-label": label }) : el("input", { type: "text", maxlength: max, "aria-label": label });
  field.value = value;
  const form = el(
    "form", { method: "dialog", class: "ask" },
    el("h2", { text: title }), field,
    el("div", { class: "ask-buttons" },
      el("button", { value: "no", type: "button", text: t("cancel"), onclick: () => form.closest("dialog").close("no") }),
      el("button", { value: "yes", class: "primary", text: yes })),
  );
  const { closed } = openSheet(title, form, { kind: "modal" });
  field.focus();
  return (await closed) === "yes" && field.value.trim() ? field.value.trim() : null;
}

let hiding;

/** A short notice that goes away by itself and is read aloud. */
export function toast(text) {
  const box = byId("toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { box.hidden = true; }, 3200);
}
