// How one entry of the conversation looks: bubbles, the product's own words, and system lines.

import { avatar, el, icon, withLinks } from "./dom.js";
import { clock, moment, t } from "./words.js";

export const isMessage = (event) => ["message.posted", "command.posted", "message.sent"].includes(event.kind);

/** The sentence of a system line, or null for events that are not shown in the conversation. */
export function lineOf(event, room) {
  const name = room.nameOf(event.member, event.body.nickname);
  const mine = event.member === room.me.id;
  const say = (key, values = {}) => t(mine ? `${key}Me` : key, { name, ...values });
  switch (event.kind) {
    case "member.joined": return say("lineJoined");
    case "member.left": return say("lineLeft");
    case "member.removed": return say("lineRemoved");
    case "member.muted": return say("lineMuted", { until: moment(new Date(event.body.until)) });
    case "member.unmuted": return say("lineUnmuted");
    case "member.renamed": return say("lineRenamed");
    case "group.announced": return t("lineAnnounced", { text: event.body.text });
    case "group.frozen": return t("lineFrozen");
    case "group.unfrozen": return t("lineUnfrozen");
    case "group.closed": return t("lineClosed");
    case "group.reopened": return t("lineReopened");
    case "group.created": return t("lineCreated", { name: event.body.name });
    default: return null;
  }
}

export const systemLine = (text) => el("p", { class: "line", text });

/** A withdrawn message; my own words can be taken up again. */
export function recalledLine(event, recalled, room, rewrite) {
  const mine = event.member === room.me.id;
  const by = recalled?.body.by ?? "member";
  let text = t("recalledBy", { name: room.nameOf(event.member, event.body.nickname) });
  if (by === "member" && mine) text = t("recalledMe");
  if (by !== "member") text = t(by === "qunzhu" ? "recalledByBot" : "recalledByStaff");
  const again = mine && by === "member" && rewrite && event.body.text
    ? el("button", { type: "button", class: "link", text: t("rewrite"), onclick: () => rewrite(event.body.text) })
    : null;
  return el("p", { class: "line" }, text, again && " ", again);
}

export function short(text, length = 60) {
  const flat = (text || "").replace(/\s+/g, " ").trim();
  return [...flat].length > length ? `${[...flat].slice(0, length).join("")}…` : flat;
}

/** What a message says in one line: quotes, copies, confirmation questions. */
export function gist(event) {
  if (event.body.image) return t("picture") + (event.body.text ? ` ${short(event.body.text)}` : "");
  return short(event.body.text);
}

function picture(image) {
  const ratio = image.width && image.height ? `${image.width} / ${image.height}` : "4 / 3";
  const url = image.preview ?? `/in/local/upload/${image.upload}`;
  const wide = image.width && image.height && image.width >= image.height;
  const img = el("img", { src: url, alt: t("picture"), loading: "lazy", style: `aspect-ratio:${ratio};${wide ? "width:min(240px,52vw)" : "height:min(260px,40vh)"}` });
  if (image.preview) return el("span", { class: "picture" }, img);
  return el("a", { class: "picture", href: url, target: "_blank", rel: "noopener", "aria-label": t("openPicture") }, img);
}

function withMentions(text, room, mentions) {
  const me = mentions?.includes(room.me.id) ? `@${room.me.nickname}` : null;
  const nodes = withLinks(text);
  if (!me) return nodes;
  return nodes.flatMap((node) => {
    if (typeof node !== "string" || !node.includes(me)) return [node];
    const [before, ...after] = node.split(me);
    return [before, el("mark", { class: "at-me", text: me }), after.join(me)];
  });
}

function bodyOf(event, room) {
  const { text, image } = event.body;
  const content = el("div", { class: "bubble-text" });
  if (image) content.append(picture(image));
  if (text && !(image && text === t("picture"))) content.append(el("span", {}, ...withMentions(text, room, event.body.mentions)));
  return content;
}

/**
 * A bubble. `hands` gives what can be done: menu(event), quoted(seq) → event or promise of one, jump(seq).
 * An event without `seq` is one still on its way; `state` says how it fares.
 */
export function bubble(event, room, hands, state = null) {
  const mine = event.member === room.me.id;
  const bot = event.kind === "message.sent";
  const name = bot ? t("bot") : room.nameOf(event.member, event.body.nickname);
  const at = new Date(event.at);
  const role = room.members.get(event.member)?.role;
  const pictureOnly = event.body.image && !event.body.text;
  const box = el(
    "div", { class: `bubble${pictureOnly ? " bubble-picture" : ""}${bot ? ` bubble-${event.body.purpose}` : ""}` },
    event.body.purpose === "announce" ? el("strong", { class: "bubble-head" }, icon("announce"), t("announcement")) : null,
    bodyOf(event, room),
  );
  const more = event.seq && hands.menu
    ? el("button", { type: "button", class: "more", "aria-label": t("moreFor", { name }), onclick: () => hands.menu(event) }, icon("more"))
    : null;
  const head = el("div", { class: "who" }, el("span", { class: "name", text: name }));
  if (bot) head.append(el("span", { class: "tag", text: t("botTag") }));
  if (role === "owner" || role === "admin") head.append(el("span", { class: "tag", text: t(role) }));
  head.append(el("time", { class: "at", datetime: event.at, text: clock(at) }));
  return el(
    "article", { class: `message${mine ? " mine" : ""}${bot ? " bot" : ""}` },
    bot ? avatar(null) : avatar(event.member, name),
    el("div", { class: "column" }, head,
      el("div", { class: "row" }, box, more, state && stateMark(state, hands)),
      event.body.reply_to ? quoteOf(event.body.reply_to, room, hands) : null,
      state?.state === "refused" ? el("p", { class: "refusal", text: state.reason || t("notSent") }) : null),
  );
}

function quoteOf(seq, room, hands) {
  const box = el("button", { type: "button", class: "quote", text: t("loadingQuote"), onclick: () => hands.jump(seq) });
  Promise.resolve(hands.quoted(seq)).then((found) => {
    if (!found) box.textContent = t("quoteGone");
    else if (found.recalled) box.textContent = t("quoteRecalled");
    else box.textContent = `${room.nameOf(found.member, found.body.nickname)}: ${gist(found)}`;
  });
  return box;
}

function stateMark(state, hands) {
  if (state.state === "sending") return el("span", { class: "sending", role: "status", "aria-label": t("sending") });
  return el("button", { type: "button", class: "retry", "aria-label": t("retry"), title: t("retry"), onclick: () => hands.unsent(state) }, icon("retry"));
}
