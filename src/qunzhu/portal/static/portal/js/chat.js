// The group chat page: puts the room, the conversation, the composer and the stream together.

import { actAs, markRead } from "./api.js";
import { Composer } from "./composer.js";
import { byId } from "./dom.js";
import { Outbox } from "./outbox.js";
import { menuOf, openRoomSheet, showMembers, wireRoom } from "./people.js";
import { Room } from "./room.js";
import { actionSheet, openSheet, toast } from "./sheets.js";
import { listen } from "./stream.js";
import { Timeline } from "./timeline.js";
import { countdown, moment, t } from "./words.js";

const config = JSON.parse(byId("config").textContent);
const room = new Room(config);
actAs(room.me.id);
const hands = {};
const timeline = new Timeline(room, hands, { seen });
const previews = new Map();
const outbox = new Outbox(room.group, room.me.id, {
  changed(item, error) {
    timeline.showPending(item, previews.get(item.client_id));
    if (item.state === "refused" && error) toast(item.reason || t("notSent"));
  },
  sent: (item, seq) => timeline.sent(item.client_id, seq),
});
const composer = new Composer(room, {
  send(message, preview) {
    const item = outbox.add(message);
    if (preview) {
      previews.set(item.client_id, preview);
      timeline.showPending(item, preview);
    }
  },
});
hands.menu = menuOf(room, composer, outbox);
hands.rewrite = (text) => composer.rewrite(text);
hands.unsent = (item) => actionSheet(item.reason || t("notSent"), [
  { label: t("retry"), run: () => outbox.retry(item.client_id) },
  ...(item.text ? [{ label: t("editAgain"), run: () => { drop(item); composer.rewrite(item.text); } }] : []),
  { label: t("dropUnsent"), danger: true, run: () => drop(item) },
]);

function drop(item) {
  outbox.drop(item.client_id);
  timeline.forget(item.client_id);
}

// ---- read marks: at most one request a second, and never backwards

let readSeq = config.me.last_read_seq;
let markedSeq = readSeq;
let reading = null;

function seen(seq) {
  readSeq = Math.max(readSeq, seq);
  if (!reading) mark();
}

function mark() {
  reading = null;
  if (readSeq <= markedSeq) return;
  markedSeq = readSeq;
  reading = setTimeout(mark, 1000);
  markRead(room.group, readSeq).catch(() => { markedSeq = config.me.last_read_seq; });
}

window.addEventListener("pagehide", mark);

// ---- bars: what is announced, and why one cannot write

function showBars() {
  byId("count").textContent = `(${room.inside.length})`;
  byId("side-count").textContent = String(room.inside.length);
  const announced = (room.announcement || "").trim();
  byId("announcement-bar").hidden = !announced;
  byId("announcement-line").textContent = announced.replace(/\s*\n\s*/g, " · ");
  byId("announcement-text").textContent = announced || t("noAnnouncement");
  showMembers(byId("members"), room, composer);
  const freeze = byId("freeze");
  if (freeze) freeze.textContent = t(room.frozen ? "unfreeze" : "freeze");
  showSilence();
}

function showSilence() {
  const bar = byId("silence");
  const why = room.silence;
  bar.hidden = !why;
  document.body.classList.toggle("is-silent", why !== null);
  if (!why) return;
  byId("silence-why").hidden = ["frozen", "closed"].includes(why) || room.me.removed === "left";
  if (why === "muted") {
    setText("silence-text", t("mutedBar", { until: moment(new Date(room.me.muted_until)) }));
    byId("silence-left").textContent = t("mutedLeft", { left: countdown(room.muteLeft) });
  } else {
    const bars = { frozen: "frozenBar", closed: "closedBar", removed: room.me.removed === "left" ? "leftBar" : "removedBar" };
    setText("silence-text", t(bars[why]));
    byId("silence-left").textContent = "";
  }
}

/** Only when it differs: a live region that is rewritten every second would be read aloud every second. */
function setText(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

room.onChange(showBars);
setInterval(showSilence, 1000);
byId("announcement-bar").addEventListener("click", () => {
  const text = document.createElement("div");
  text.className = "announcement-full";
  text.textContent = room.announcement;
  openSheet(t("announcement"), text);
});
byId("info").addEventListener("click", () => openRoomSheet(room));
wireRoom(room);
wireTouch();
showBars();

/** A long press on a bubble opens its menu, as the context menu does with a mouse. */
function wireTouch() {
  const list = byId("messages");
  const menu = (target) => target.closest(".entry:not(.pending)")?.querySelector(".more")?.click();
  let timer = null;
  list.addEventListener("contextmenu", (event) => {
    if (!event.target.closest(".bubble") || event.target.closest("a")) return;
    event.preventDefault();
    if (!timer) menu(event.target);
  });
  list.addEventListener("touchstart", (event) => {
    if (!event.target.closest(".bubble")) return;
    timer = setTimeout(() => { menu(event.target); }, 450);
  }, { passive: true });
  for (const end of ["touchend", "touchmove", "touchcancel"]) {
    list.addEventListener(end, () => { clearTimeout(timer); timer = null; }, { passive: true });
  }
}

// ---- live

let offline = null;

function connected(yes) {
  clearTimeout(offline);
  if (yes) {
    byId("offline").hidden = true;
    outbox.retryNow();
  } else offline = setTimeout(() => { byId("offline").hidden = false; }, 1500);
}

async function begin(attempt = 0) {
  try {
    const events = await timeline.start(config.me.last_read_seq);
    for (const event of events) if (event.seq > config.head) room.follow(event);
  } catch (error) {
    if (error.status) {
      byId("skeleton")?.remove();
      room.me.removed ??= "removed";
      room.changed();
      return;
    }
    connected(false);
    setTimeout(() => begin(attempt + 1), Math.min(500 * 2 ** attempt, 15_000));
    return;
  }
  for (const item of outbox.items) {
    if (item.state !== "refused") item.state = "sending";
    timeline.showPending(item);
  }
  const live = listen(room.group, () => Math.max(timeline.newest, config.head), {
    event(event) {
      room.follow(event);
      timeline.add(event);
    },
    state: (state) => room.adopt(state),
    connected,
  });
  room.onChange(() => { if (room.me.removed) live.stop(); });  // who is out hears nothing more, and nothing is broken
  outbox.run();
}

if (room.me.removed) {
  byId("skeleton")?.remove();
} else begin();
