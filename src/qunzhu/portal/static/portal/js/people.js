// Who is in the room, and what one may do to a person or with a message.

import { act, leave, recall, rename, Refused } from "./api.js";
import { gist } from "./bubbles.js";
import { avatar, byId, el } from "./dom.js";
import { actionSheet, askText, confirmAct, openSheet, toast } from "./sheets.js";
import { moment, t } from "./words.js";

const RECALL_FOR = 2 * 60_000;
const RANK = { owner: 0, admin: 1, member: 2 };

/** Runs an act, says what came of it; a refusal says its own reason. */
async function attempt(work, done) {
  try {
    await work();
    if (done) toast(done);
  } catch (error) {
    toast(error instanceof Refused && error.message ? error.message : t("noNetwork"));
  }
}

export function menuOf(room, composer, outbox) {
  return (event) => {
    const mine = event.member === room.me.id;
    const bot = event.kind === "message.sent";
    const member = room.members.get(event.member);
    const actions = [];
    if (event.body.text) actions.push({ label: t("copy"), run: () => copy(event.body.text) });
    if (!room.silence) actions.push({ label: t("quote"), run: () => composer.quote(event) });
    if (!mine && !bot && member && !room.silence) actions.push({ label: t("mention", { name: member.nickname }), run: () => composer.mention(member) });
    if (mine && room.now() - new Date(event.at).getTime() < RECALL_FOR) {
      actions.push({ label: t("recall"), run: () => attempt(() => recall(room.group, event.seq)) });
    }
    if (!mine && !bot) actions.push({ label: t("report"), run: () => reportSheet(event, room, outbox) });
    if (!mine && room.acts.includes("recall")) {
      actions.push({ label: t("recallByHand"), run: () => attempt(() => act(room.group, "recall", { seq: event.seq }), t("done")) });
    }
    if (!mine && !bot && member) actions.push(...handActs(room, member));
    actionSheet(`${room.nameOf(event.member, event.body.nickname)}: ${gist(event)}`, actions);
  };
}

function reportSheet(event, room, outbox) {
  const reasons = ["reasonAd", "reasonFraud", "reasonAttack", "reasonPrivateAdd", "reasonOther"];
  const name = room.nameOf(event.member, event.body.nickname);
  actionSheet(t("reportTitle", { name }), reasons.map((reason) => ({
    label: t(reason),
    run: () => outbox.add({ type: "quote", text: `${t("reportWord")} ${t(reason)}`, reply_to: event.seq }),
  })));
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("copied"));
  } catch {
    toast(t("cannotCopy"));
  }
}

/** What an owner or admin may do by hand; which acts there are depends on the group's profile and the role. */
function handActs(room, member) {
  if (!room.isStaff || member.gone || (RANK[member.role] ?? 2) <= (RANK[room.me.role] ?? 2)) return [];
  const acts = [];
  const name = member.nickname;
  const muted = member.muted_until && new Date(member.muted_until).getTime() > room.now();
  if (room.acts.includes("mute") && !muted) {
    acts.push({ label: t("muteHour"), run: () => attempt(() => act(room.group, "mute", { member: member.id, minutes: 60 }), t("done")) });
  }
  if (room.acts.includes("unmute") && muted) {
    acts.push({ label: t("unmute"), run: () => attempt(() => act(room.group, "unmute", { member: member.id }), t("done")) });
  }
  if (room.acts.includes("remove")) {
    acts.push({
      label: t("removeMember"), danger: true,
      run: async () => {
        if (await confirmAct(t("removeAsk", { name }), t("removeExplain"), t("removeMember"))) {
          await attempt(() => act(room.group, "remove", { member: member.id }), t("done"));
        }
      },
    });
  }
  return acts;
}

function memberRow(member, room, composer) {
  const mine = member.id === room.me.id;
  const muted = member.muted_until && new Date(member.muted_until).getTime() > room.now();
  const tags = [];
  if (member.role === "owner" || member.role === "admin") tags.push(el("span", { class: "tag", text: t(member.role) }));
  if (mine) tags.push(el("span", { class: "tag", text: t("me") }));
  if (muted) tags.push(el("span", { class: "tag quiet", text: t("mutedUntil", { until: moment(new Date(member.muted_until)) }) }));
  const open = () => {
    const actions = mine ? [] : [...(room.silence ? [] : [{ label: t("mention", { name: member.nickname }), run: () => composer.mention(member) }]), ...handActs(room, member)];
    if (actions.length) actionSheet(member.nickname, actions);
  };
  return el("li", {}, el("button", { type: "button", class: "person", onclick: open }, avatar(member.id, member.nickname), el("span", { class: "person-name", text: member.nickname }), ...tags));
}

/** The list of members, kept current in `list`. */
export function showMembers(list, room, composer) {
  const people = room.inside.sort((a, b) => (RANK[a.role] ?? 2) - (RANK[b.role] ?? 2) || a.id - b.id);
  list.replaceChildren(...people.map((member) => memberRow(member, room, composer)));
}

/** The room's own sheet on a phone; the same content stands at the side of a wide screen. */
export function openRoomSheet(room) {
  const side = byId("side-content");
  const home = side.parentElement;
  const { closed } = openSheet(t("groupInfo"), side, { kind: "sheet room-sheet" });
  closed.then(() => home.append(side));
}

export function wireRoom(room) {
  byId("rename").addEventListener("click", async () => {
    const nickname = await askText(t("renameTitle"), { value: room.me.nickname, label: t("nickname"), yes: t("save"), max: 30 });
    if (nickname && nickname !== room.me.nickname) await attempt(() => rename(room.group, nickname), t("done"));
  });
  byId("leave").addEventListener("click", async () => {
    if (await confirmAct(t("leaveAsk"), t("leaveExplain"), t("leave"))) await attempt(() => leave(room.group));
  });
  byId("copy-link").addEventListener("click", (event) => copy(event.currentTarget.dataset.link));
  byId("announce")?.addEventListener("click", async () => {
    const text = await askText(t("announceTitle"), { value: room.announcement, label: t("announcement"), yes: t("publish"), long: true, max: 2000 });
    if (text) await attempt(() => act(room.group, "announce", { text }), t("announced"));
  });
  const freeze = byId("freeze");
  freeze?.addEventListener("click", async () => {
    if (room.frozen) await attempt(() => act(room.group, "unfreeze", {}), t("done"));
    else if (await confirmAct(t("freezeAsk"), t("freezeExplain"), t("freeze"))) await attempt(() => act(room.group, "freeze", {}), t("done"));
  });
}
