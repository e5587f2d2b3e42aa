// Messages on their way. Each keeps its client_id until the server has answered, over reloads too, so that a
// retry is the same message and never a second one.

import { Refused, send } from "./api.js";

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 15_000;

export class Outbox {
  /** `on.changed(item)` when an item is sending, waiting or refused; `on.sent(item, seq)` when it is in the log. */
  constructor(group, member, on) {
    this.key = `qz:outbox:${group}:${member}`;
    this.group = group;
    this.on = on;
    this.items = this.#restore();
    this.wait = FIRST_WAIT;
    this.busy = false;
    window.addEventListener("online", () => this.retryNow());
  }

  #restore() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) ?? [];
    } catch {
      return [];
    }
  }

  #save() {
    try {
      localStorage.setItem(this.key, JSON.stringify(this.items));
    } catch {
      // a full or forbidden storage costs the safety over reloads, not the message
    }
  }

  add(message) {
    const item = { client_id: newId(), at: new Date().toISOString(), state: "sending", ...message };
    this.items.push(item);
    this.#save();
    this.on.changed(item);
    this.run();
    return item;
  }

  drop(clientId) {
    this.items = this.items.filter((item) => item.client_id !== clientId);
    this.#save();
  }

  retryNow() {
    clearTimeout(this.timer);
    this.wait = FIRST_WAIT;
    this.run();
  }

  /** Send again what a person asks for, also what was refused before. */
  retry(clientId) {
    const item = this.items.find((one) => one.client_id === clientId);
    if (!item) return;
    item.state = "sending";
    this.on.changed(item);
    this.retryNow();
  }

  /** In order, one at a time: a message is never overtaken by the next one. */
  async run() {
    if (this.busy) return;
    this.busy = true;
    try {
      for (let item = this.#next(); item; item = this.#next()) {
        if (!(await this.#deliver(item))) break;
      }
    } finally {
      this.busy = false;
    }
  }

  #next() {
    return this.items.find((item) => item.state !== "refused");
  }

  async #deliver(item) {
    const { client_id, type, text, reply_to, mentions, image } = item;
    try {
      const answer = await send({ group: this.group, client_id, type, text, reply_to, mentions, image: image?.upload });
      this.wait = FIRST_WAIT;
      this.drop(client_id);
      this.on.sent(item, answer.seq);
      return true;
    } catch (error) {
      item.state = error instanceof Refused ? "refused" : "waiting";
      item.reason = error instanceof Refused ? error.message : "";
      this.#save();
      this.on.changed(item, error);
      if (item.state === "refused") return true;
      this.timer = setTimeout(() => this.run(), this.wait);
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
      return false;
    }
  }
}

/** A random id, also where the page is not a secure context (http on a local network). */
function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
