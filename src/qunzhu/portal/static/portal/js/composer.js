// Where one writes. An input method may be composing at any moment: its text is never sent, cleared or lost.

import { byId, el, avatar } from "./dom.js";
import { gist } from "./bubbles.js";
import { toast } from "./sheets.js";
import { t } from "./words.js";
import { upload, shrink } from "./images.js";

const LONGEST = 4000;
const AT = /@([^\s@]{0,30})$/u;

export class Composer {
  /** `on.send({type, text, reply_to, mentions, image}, preview?)` */
  constructor(room, on) {
    this.room = room;
    this.on = on;
    this.field = byId("text");
    this.button = byId("send");
    this.draftKey = `qz:draft:${room.group}:${room.me.id}`;
    this.composing = false;
    this.quoting = null;
    this.named = new Map();
    this.field.value = this.#draft();
    this.#listen();
    this.#fit();
    room.onChange(() => this.#obey());
    this.#obey();
    setInterval(() => this.#obey(), 1000);
  }

  #draft() {
    try {
      return localStorage.getItem(this.draftKey) ?? "";
    } catch {
      return "";
    }
  }

  #keep() {
    try {
      if (this.field.value) localStorage.setItem(this.draftKey, this.field.value);
      else localStorage.removeItem(this.draftKey);
    } catch {
      // without storage there is no draft; writing goes on
    }
  }

  #listen() {
    const { field } = this;
    field.addEventListener("compositionstart", () => { this.composing = true; });
    field.addEventListener("compositionend", () => {
      this.composing = false;
      this.#typed();
    });
    field.addEventListener("input", () => this.#typed());
    field.addEventListener("keydown", (event) => this.#key(event));
    field.addEventListener("paste", (event) => this.#paste(event));
    field.addEventListener("blur", () => setTimeout(() => this.#closeNames(), 200));
    // Keep the field's focus, and with it the phone's keyboard, when the button is touched.
    this.button.addEventListener("pointerdown", (event) => !this.composing && event.preventDefault());
    this.button.addEventListener("click", () => this.#press());
    byId("unquote").addEventListener("click", () => this.quote(null));
    byId("image").addEventListener("change", (event) => this.#images(event.target));
    for (const chip of document.querySelectorAll("[data-command]")) {
      chip.addEventListener("click", () => this.#command(chip.dataset.command));
    }
    const box = byId("chat");
    box.addEventListener("dragover", (event) => event.preventDefault());
    box.addEventListener("drop", (event) => {
      event.preventDefault();
      this.#sendImages([...event.dataTransfer.files]);
    });
  }

  #key(event) {
    // 229: the key belongs to the input method, also on browsers that end the composition before the key event.
    if (event.isComposing || this.composing || event.keyCode === 229) return;
    if (this.names && this.#keyInNames(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.ctrlKey && !event.altKey) {
      event.preventDefault();
      this.submit();
    }
    if (event.key === "Escape" && this.quoting) this.quote(null);
  }

  #press() {
    if (!this.composing) {
      this.submit();
      return;
    }
    // The click ended the composition: its last word arrives with compositionend, then the message is whole.
    this.field.addEventListener("compositionend", () => setTimeout(() => this.submit(), 0), { once: true });
    this.field.blur();
  }

  #typed() {
    this.#keep();
    this.#fit();
    this.#obey();
    if (!this.composing) this.#offerNames();
  }

  #fit() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 132)}px`;
    this.button.hidden = !this.field.value.trim();
    byId("image-button").hidden = !this.button.hidden;
  }

  #obey() {
    const silent = this.room.silence !== null;
    if (this.field.disabled !== silent && !this.composing) this.field.disabled = silent;
    this.button.disabled = silent;
    byId("image").disabled = silent;
    byId("composer").classList.toggle("silent", silent);
  }

  submit() {
    const text = this.field.value.trim();
    if (!text || this.room.silence) return;
    if ([...text].length > LONGEST) {
      toast(t("tooLong", { max: LONGEST }));
      return;
    }
    const mentions = [...this.named].filter(([name]) => text.includes(`@${name}`)).map(([, id]) => id);
    this.on.send({
      type: this.quoting ? "quote" : "text", text,
      reply_to: this.quoting?.seq, mentions: mentions.length ? mentions : undefined,
    });
    this.named.clear();
    this.quote(null);
    this.field.value = "";
    this.#typed();
    this.field.focus();
  }

  #command(word) {
    if (this.room.silence) return;
    if (word === t("reportWord")) toast(t("howToReport"));
    else this.on.send({ type: "text", text: word });
  }

  /** Put words back into the field: a withdrawn message, a refused one. */
  rewrite(text) {
    this.field.value = this.field.value ? `${this.field.value}\n${text}` : text;
    this.#typed();
    this.field.focus();
  }

  quote(event) {
    this.quoting = event;
    byId("quoting").hidden = !event;
    if (!event) return;
    byId("quoting-text").textContent = `${this.room.nameOf(event.member, event.body.nickname)}: ${gist(event)}`;
    this.field.focus();
  }

  mention(member) {
    const glue = this.field.value && !/\s$/.test(this.field.value) ? " " : "";
    this.field.setRangeText(`${glue}@${member.nickname} `, this.field.selectionStart, this.field.selectionEnd, "end");
    this.named.set(member.nickname, member.id);
    this.#typed();
    this.field.focus();
  }

  // ---- the @ list

  #offerNames() {
    const typed = AT.exec(this.field.value.slice(0, this.field.selectionStart));
    const found = typed ? this.#match(typed[1]) : [];
    if (!found.length) {
      this.#closeNames();
      return;
    }
    this.names = found;
    this.chosen = 0;
    const list = byId("names");
    list.replaceChildren(...found.map((member, index) => el(
      "li", { role: "option", id: `name-${index}`, "aria-selected": index === 0 ? "true" : "false",
        onpointerdown: (event) => { event.preventDefault(); this.#choose(index); } },
      avatar(member.id, member.nickname), el("span", { text: member.nickname }),
    )));
    list.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
    this.field.setAttribute("aria-activedescendant", "name-0");
  }

  #match(typed) {
    const wanted = typed.toLowerCase();
    const others = this.room.inside.filter((member) => member.id !== this.room.me.id);
    return others.filter((member) => (member.nickname ?? "").toLowerCase().includes(wanted)).slice(0, 6);
  }

  #keyInNames(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) {
      this.chosen = (this.chosen + moves[event.key] + this.names.length) % this.names.length;
      [...byId("names").children].forEach((item, index) => item.setAttribute("aria-selected", String(index === this.chosen)));
      this.field.setAttribute("aria-activedescendant", `name-${this.chosen}`);
    } else if (event.key === "Enter" || event.key === "Tab") this.#choose(this.chosen);
    else if (event.key === "Escape") this.#closeNames();
    else return false;
    event.preventDefault();
    return true;
  }

  #choose(index) {
    const member = this.names[index];
    const end = this.field.selectionStart;
    const start = end - AT.exec(this.field.value.slice(0, end))[0].length;
    this.field.setRangeText(`@${member.nickname} `, start, end, "end");
    this.named.set(member.nickname, member.id);
    this.#closeNames();
    this.#typed();
    this.field.focus();
  }

  #closeNames() {
    this.names = null;
    byId("names").hidden = true;
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }

  // ---- images

  #paste(event) {
    const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    if (!files.length) return;
    event.preventDefault();
    this.#sendImages(files);
  }

  #images(input) {
    const files = [...input.files];
    input.value = "";
    this.#sendImages(files);
  }

  async #sendImages(files) {
    for (const file of files.filter((one) => one.type.startsWith("image/")).slice(0, 9)) await this.#sendImage(file);
  }

  async #sendImage(file) {
    if (this.room.silence) return;
    const preview = URL.createObjectURL(file);
    const box = byId("uploading");
    const bar = box.querySelector("progress");
    box.querySelector("img").src = preview;
    bar.value = 0;
    box.hidden = false;
    try {
      const image = await upload(this.room.group, await shrink(file), (part) => { bar.value = part; });
      this.on.send({ type: "image", text: "", image, reply_to: this.quoting?.seq }, { preview });
      this.quote(null);
    } catch (error) {
      toast(error.message || t("uploadFailed"));
    } finally {
      box.hidden = true;
    }
  }
}
