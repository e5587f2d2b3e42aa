// What the page says, in the language that the server chose, and times as people write them.

const page = JSON.parse(document.getElementById("words").textContent);
const zone = document.documentElement.dataset.zone || "Asia/Shanghai";
const chinese = document.documentElement.lang.startsWith("zh");
const DAY = 86_400_000;

/** The sentence named `key`, with its {placeholders} filled. */
export function t(key, values = {}) {
  const sentence = page[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

const parts = new Intl.DateTimeFormat("en-CA", {
  timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const monthDay = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "numeric", month: "short" });

function split(at) {
  return Object.fromEntries(parts.formatToParts(at).map((part) => [part.type, part.value]));
}

export function clock(at) {
  const p = split(at);
  return `${p.hour}:${p.minute}`;
}

/** 今天 20:00 · 昨天 20:00 · 11月23日 20:00 · 2025年11月23日 20:00 */
export function moment(at, now = new Date()) {
  const p = split(at);
  const day = `${p.year}-${p.month}-${p.day}`;
  const today = split(now);
  const yesterday = split(new Date(now.getTime() - DAY));
  const time = `${p.hour}:${p.minute}`;
  if (day === `${today.year}-${today.month}-${today.day}`) return `${t("today")} ${time}`;
  if (day === `${yesterday.year}-${yesterday.month}-${yesterday.day}`) return `${t("yesterday")} ${time}`;
  const year = p.year === today.year ? "" : p.year;
  if (chinese) return `${year && `${year}年`}${Number(p.month)}月${Number(p.day)}日 ${time}`;
  return `${monthDay.format(at)}${year && ` ${year}`}, ${time}`;
}

/** A span still to go, in milliseconds, as 1:02:03 or 2:03. */
export function countdown(left) {
  const seconds = Math.max(0, Math.ceil(left / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${hours ? two(Math.floor(seconds / 60) % 60) : Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}
