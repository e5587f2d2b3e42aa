// The conversation: a list of events in the order of the log, loaded backwards, extended live, never reordered.

import { history } from "./api.js";
import { bubble, isMessage, lineOf, recalledLine, systemLine } from "./bubbles.js";
import { byId, el } from "./dom.js";
import { moment, t } from "./words.js";

const PAGE = 40;
const GAP = 5 * 60_000;
const NEAR = 80;

export class Timeline {
  /** `hands`: see bubbles.js; `on.seen(seq)` when the newest entry is on the screen of a person who looks. */
  constructor(room, hands, on) {
    this.room = room;
    this.on = on;
    // the same object: the page adds what the composer and the menus can do once they exist
    this.hands = Object.assign(hands, { quoted: (seq) => this.find(seq), jump: (seq) => this.jump(seq) });
    this.box = byId("log");
    this.list = byId("messages");
    this.pill = byId("pill");
    this.entries = new Map();
    this.recalls = new Map();
    this.lookups = new Map();
    this.pending = new Map();
    this.answered = new Map();
    this.oldest = null;
    this.newest = 0;
    this.ended = false;
    this.unseen = 0;
    this.box.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.pill.addEventListener("click", () => this.toEnd(true));
    document.addEventListener("visibilitychange", () => this.#seen());
    new ResizeObserver(() => this.sticky && this.toEnd()).observe(this.box);
    new ResizeObserver(() => this.sticky && this.toEnd()).observe(this.list);
    this.sticky = true;
  }

  /** First page; `readUpTo` is the last seq this member has seen: the divider stands after it. */
  async start(readUpTo) {
    const { events, more } = await history(this.room.group, null, PAGE);
    byId("skeleton")?.remove();
    this.#prepend(events, more);
    for (const event of events) this.newest = Math.max(this.newest, event.seq);
    this.#divide(readUpTo);
    this.sticky = true;
    this.toEnd();
    this.#seen();
    return events;
  }

  async older() {
    if (this.ended || this.loading) return;
    this.loading = true;
    this.box.classList.add("loading");
    try {
      const { events, more } = await history(this.room.group, this.oldest, PAGE);
      const height = this.box.scrollHeight;
      const top = this.box.scrollTop;
      this.#prepend(events, more);
      this.box.scrollTop = top + this.box.scrollHeight - height;
    } finally {
      this.loading = false;
      this.box.classList.remove("loading");
    }
  }

  /** One live event. */
  add(event) {
    if (event.seq <= this.newest) return;
    this.newest = event.seq;
    if (event.kind === "message.recalled") {
      this.#recall(event);
      return;
    }
    const own = event.member === this.room.me.id;
    if (own && isMessage(event)) this.#settle(this.#clientOf(event));
    const item = this.#item(event);
    if (!item) return;
    this.list.insertBefore(item, this.#firstPending());
    this.#retime(item);
    if (this.sticky) this.toEnd();
    else if (!own) this.#more();
    this.#seen();
  }

  /** A message of mine that is on its way: shown at the end until the log has it. */
  showPending(unsent, preview) {
    const event = {
      kind: "message.posted", member: this.room.me.id, at: unsent.at,
      body: { text: unsent.text, reply_to: unsent.reply_to, image: unsent.image ? { ...unsent.image, ...preview } : undefined },
    };
    const node = el("li", { class: "entry pending", dataset: { client: unsent.client_id, at: unsent.at, state: unsent.state, text: unsent.text } }, bubble(event, this.room, this.hands, unsent));
    const before = this.pending.get(unsent.client_id);
    if (before) before.replaceWith(node);
    else this.list.append(node);
    this.pending.set(unsent.client_id, node);
    this.#retime(node);
    if (!before) this.toEnd(true);
  }

  /** The server has answered; the entry itself comes by the stream, which may have been faster. */
  sent(clientId, seq) {
    const node = this.pending.get(clientId);
    if (!node) return;
    if (this.entries.has(seq)) {
      this.#settle(clientId);
      return;
    }
    this.answered.set(seq, clientId);
    node.dataset.state = "sent";
    node.querySelector(".sending")?.remove();
  }

  /** Which of my waiting messages an event is: the one answered with its seq, else the first that says the same. */
  #clientOf(event) {
    if (this.answered.has(event.seq)) return this.answered.get(event.seq);
    for (const [clientId, node] of this.pending) {
      if (node.dataset.state === "sending" && node.dataset.text === event.body.text) return clientId;
    }
    return null;
  }

  forget(clientId) {
    this.#settle(clientId);
  }

  #settle(clientId) {
    this.pending.get(clientId)?.remove();
    this.pending.delete(clientId);
  }

  #firstPending() {
    return this.list.querySelector(".pending");
  }

  #prepend(events, more) {
    const first = this.list.firstElementChild;
    for (const event of events) if (event.kind === "message.recalled") this.recalls.set(event.body.target, event);
    const items = events.map((event) => this.#item(event)).filter(Boolean);
    const fragment = document.createDocumentFragment();
    fragment.append(...items);
    this.list.prepend(fragment);
    for (const item of items) this.#retime(item);
    if (first) this.#retime(first);
    if (events.length) this.oldest = events[0].seq;
    this.ended = !more;
    byId("beginning").hidden = more;
  }

  #item(event) {
    if (this.entries.has(event.seq)) return null;
    const content = this.#content(event);
    if (!content) return null;
    const item = el("li", { class: "entry", id: `m${event.seq}`, dataset: { seq: event.seq, at: event.at } }, content);
    this.entries.set(event.seq, event);
    return item;
  }

  #content(event) {
    const recalled = this.recalls.get(event.seq);
    if (isMessage(event)) {
      if (recalled || event.body.recalled) return recalledLine(event, recalled, this.room, this.hands.rewrite);
      return bubble(event, this.room, this.hands);
    }
    const line = lineOf(event, this.room);
    return line && systemLine(line);
  }

  #recall(recalled) {
    const seq = recalled.body.target;
    this.recalls.set(seq, recalled);
    const event = this.entries.get(seq);
    const item = byId(`m${seq}`);
    if (!event || !item) return;
    item.replaceChildren(recalledLine(event, recalled, this.room, this.hands.rewrite));
    this.#retime(item);
    // whatever quotes it must not go on showing it
    for (const [other, quoting] of this.entries) {
      if (quoting.body.reply_to === seq && isMessage(quoting)) {
        const quote = byId(`m${other}`)?.querySelector(".quote");
        if (quote) quote.textContent = t("quoteRecalled");
      }
    }
  }

  /** The time stands above an entry after a silence, as people know it from every chat. */
  #retime(item) {
    item.querySelector(":scope > .time")?.remove();
    const next = item.nextElementSibling;
    this.#timeOf(item);
    if (next?.dataset.at) {
      next.querySelector(":scope > .time")?.remove();
      this.#timeOf(next);
    }
  }

  #timeOf(item) {
    const at = new Date(item.dataset.at);
    let before = item.previousElementSibling;
    if (before && !before.dataset.at) before = before.previousElementSibling;
    if (before && at - new Date(before.dataset.at) < GAP) return;
    item.prepend(el("time", { class: "time", datetime: item.dataset.at, text: moment(at) }));
  }

  #divide(readUpTo) {
    const isNew = ([seq, event]) => seq > readUpTo && isMessage(event) && event.member !== this.room.me.id;
    const unread = [...this.entries].filter(isNew);
    if (!unread.length || !readUpTo) return;
    const first = byId(`m${Math.min(...unread.map(([seq]) => seq))}`);
    first.before(el("li", { class: "divider", id: "unread", role: "separator" }, el("span", { text: t("unreadHere") })));
  }

  async find(seq) {
    const known = this.entries.get(seq);
    if (known) return this.#marked(known);
    if (!this.lookups.has(seq)) {
      const look = history(this.room.group, seq + 1, 1)
        .then(({ events }) => (events[0]?.seq === seq ? events[0] : null))
        .catch(() => null);
      this.lookups.set(seq, look);
    }
    const found = await this.lookups.get(seq);
    return found && this.#marked(found);
  }

  #marked(event) {
    return event.body.recalled || this.recalls.has(event.seq) ? { ...event, recalled: true } : event;
  }

  async jump(seq) {
    for (let page = 0; page < 10 && !byId(`m${seq}`) && !this.ended; page += 1) await this.older();
    const item = byId(`m${seq}`);
    if (!item) return;
    this.sticky = false;
    item.scrollIntoView({ block: "center" });
    item.classList.add("flash");
    setTimeout(() => item.classList.remove("flash"), 1600);
  }

  #scrolled() {
    this.sticky = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR;
    if (this.sticky) this.#seen();
    if (this.box.scrollTop < 400 && this.oldest) this.older().catch(() => { /* the next scroll asks again */ });
  }

  #more() {
    this.unseen += 1;
    this.pill.hidden = false;
    this.pill.querySelector("span").textContent = t("newMessages", { count: this.unseen });
  }

  toEnd(sticky = this.sticky) {
    this.sticky = sticky;
    this.box.scrollTop = this.box.scrollHeight;
  }

  #seen() {
    if (!this.sticky || document.visibilityState !== "visible") return;
    this.unseen = 0;
    this.pill.hidden = true;
    if (this.newest) this.on.seen(this.newest);
  }
}
