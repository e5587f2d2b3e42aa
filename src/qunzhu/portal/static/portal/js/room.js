// What this page knows about the room: who is in it, what it announces, what I may do.

import { t } from "./words.js";

export class Room {
  constructor(config) {
    this.group = config.group;
    this.me = config.me;
    this.members = new Map(config.members.map((member) => [member.id, member]));
    this.frozen = config.frozen;
    this.closed = config.closed;
    this.announcement = config.announcement;
    this.acts = config.acts;
    this.commands = config.commands;
    this.serverAhead = config.now - Date.now();
    this.listeners = [];
  }

  /** Milliseconds now, by the server's clock: a phone's clock may be wrong. */
  now() {
    return Date.now() + this.serverAhead;
  }

  onChange(listener) {
    this.listeners.push(listener);
  }

  changed() {
    for (const listener of this.listeners) listener(this);
  }

  nameOf(memberId, fallback = "") {
    if (memberId === null || memberId === undefined) return t("bot");
    return this.members.get(memberId)?.nickname ?? (fallback || t("formerMember"));
  }

  get inside() {
    return [...this.members.values()].filter((member) => !member.gone);
  }

  get isStaff() {
    return ["owner", "admin"].includes(this.me.role);
  }

  /** Milliseconds until I may speak again; 0 when I may. */
  get muteLeft() {
    return this.me.muted_until ? Math.max(0, new Date(this.me.muted_until).getTime() - this.now()) : 0;
  }

  /** The one reason why I cannot write, or null. */
  get silence() {
    if (this.me.removed) return "removed";
    if (this.closed) return "closed";
    if (this.frozen && !this.isStaff) return "frozen";
    return this.muteLeft > 0 ? "muted" : null;
  }

  /** What the receiver says of the room, on connecting and when it changed. */
  adopt(state) {
    this.frozen = state.frozen;
    this.closed = state.state === "closed";
    this.announcement = state.announcement;
    const { me } = state;
    this.me.muted_until = me.muted_until;
    this.me.role = me.role || this.me.role;
    this.me.nickname = me.nickname || this.me.nickname;
    this.me.removed = me.inside ? null : (me.removed ? "removed" : "left");
    this.changed();
  }

  /** Follow an event that changes the room; live events only, old ones are already in what the server told. */
  follow(event) {
    const change = CHANGES[event.kind];
    if (!change) return;
    change(this, event, event.member === this.me.id);
    this.changed();
  }

  patch(memberId, change) {
    this.members.set(memberId, { ...(this.members.get(memberId) ?? { id: memberId, role: "member" }), ...change });
  }
}

const CHANGES = {
  "member.joined": (room, event) => room.patch(event.member, { nickname: event.body.nickname, gone: false }),
  "member.renamed": (room, event, mine) => {
    room.patch(event.member, { nickname: event.body.nickname });
    if (mine) room.me.nickname = event.body.nickname;
  },
  "member.left": (room, event, mine) => {
    room.patch(event.member, { gone: true });
    if (mine) room.me.removed = "left";
  },
  "member.removed": (room, event, mine) => {
    room.patch(event.member, { gone: true });
    if (mine) room.me.removed = "removed";
  },
  "member.muted": (room, event, mine) => {
    room.patch(event.member, { muted_until: event.body.until });
    if (mine) room.me.muted_until = event.body.until;
  },
  "member.unmuted": (room, event, mine) => {
    room.patch(event.member, { muted_until: null });
    if (mine) room.me.muted_until = null;
  },
  "group.announced": (room, event) => { room.announcement = event.body.text; },
  "group.frozen": (room) => { room.frozen = true; },
  "group.unfrozen": (room) => { room.frozen = false; },
  "group.closed": (room) => { room.closed = true; },
  "group.reopened": (room) => { room.closed = false; },
};
