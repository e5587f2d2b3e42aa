// The console's own behaviour: keys, menus, dialogs, the live stream with polling as its fallback.
"use strict";
(() => {
  const shell = document.querySelector(".shell");
  if (!shell) return;
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Menus close when one clicks elsewhere; the drawer on small screens opens and closes.
  document.addEventListener("click", (event) => {
    all("details.switch[open]").forEach((d) => { if (!d.contains(event.target)) d.open = false; });
    if (event.target.closest("[data-side-open]")) shell.classList.add("side-open");
    if (event.target.closest("[data-side-close]")) shell.classList.remove("side-open");
    if (event.target.closest("[data-keys-open]")) one("#keys").showModal();
    const opener = event.target.closest("[data-dialog]");
    if (opener) one("#" + opener.dataset.dialog).showModal();
    if (event.target.closest("[data-dialog-close]")) event.target.closest("dialog").close();
    const copy = event.target.closest("[data-copy]");
    if (copy) navigator.clipboard.writeText(copy.dataset.copy).then(() => { copy.textContent = copy.dataset.copied; });
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });
  // A form is sent once, however often the button is pressed.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach((f) => delete f.dataset.sent));

  // Keys.
  const places = { h: "home", c: "cases", f: "feed", m: "members" };
  const base = shell.dataset.search.replace(/search\/$/, "");
  const paths = { home: "", cases: "cases/", feed: "feed/", members: "members/" };
  let afterG = 0;
  const rows = () => all(".table tbody tr, .feed .event, .case-row").filter((r) => r.offsetParent);
  let picked = -1;
  const pick = (step) => {
    const list = rows();
    if (!list.length) return;
    list.forEach((r) => r.classList.remove("picked"));
    picked = Math.max(0, Math.min(list.length - 1, picked + step));
    list[picked].classList.add("picked");
    list[picked].scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, textarea, select, [contenteditable]");
    if (event.key === "Escape" && typing) { event.target.blur(); return; }
    if (typing || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
    if (event.key === "/") { event.preventDefault(); one("#search").focus(); one("#search").select(); return; }
    if (event.key === "?") { event.preventDefault(); one("#keys").showModal(); return; }
    if (event.key === "[" || event.key === "]") {
      const page = one(`.older a[rel=${event.key === "]" ? "next" : "prev"}]`);
      if (page) page.click();
      return;
    }
    if (event.key === "p") { const pause = one("[data-pause]"); if (pause) pause.click(); return; }
    if (event.key === "j") { pick(1); return; }
    if (event.key === "k") { pick(-1); return; }
    if (event.key === "Enter" && picked >= 0 && event.target === document.body) {
      const row = rows()[picked];
      const link = row && (row.matches("a") ? row : one("a[data-open]", row) || one("a", row));
      if (link) link.click();
      return;
    }
    if (event.key === "g") { afterG = Date.now(); return; }
    if (Date.now() - afterG < 1200 && places[event.key]) location.href = base + paths[places[event.key]];
  });

  // Live: whatever carries data-refresh is fetched anew when something happened, at most once a second;
  // without the stream, every ten seconds.
  const word = one("[data-live-word]");
  const state = one("[data-live-state]");
  const say = (live) => {
    if (!state) return;
    state.classList.toggle("live-on", live);
    word.textContent = live ? word.dataset.on : word.dataset.poll;
  };
  let due = 0;
  const refresh = async () => {
    due = 0;
    if (document.hidden) return;
    for (const part of all("[data-refresh]")) await (part.dataset.mode === "prepend" ? prepend(part) : replace(part));
  };
  const soon = () => { if (!due) due = setTimeout(refresh, 1000); };
  const badge = (count) => {
    const mark = one("[data-badge=cases]");
    if (!mark || count === null) return;
    mark.hidden = count === "0";
    mark.textContent = count;
  };
  const get = async (url) => {
    try {
      const answer = await fetch(url, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
      if (answer.ok) badge(answer.headers.get("X-Cases"));
      return answer.ok ? answer : null;
    } catch { return null; }
  };
  const replace = async (part) => {
    const answer = await get(part.dataset.refresh);
    if (answer) part.innerHTML = await answer.text();
  };
  let waiting = null;
  const prepend = async (part) => {
    if (waiting) return;
    waiting = part;
    try {
      const join = part.dataset.refresh.includes("?") ? "&" : "?";
      const answer = await get(part.dataset.refresh + join + "after=" + part.dataset.after);
      if (!answer) return;
      if (part.dataset.paused) {
        const more = Number(answer.headers.get("X-Count") || 0);
        const note = one("[data-waiting]");
        note.hidden = !more;
        one("[data-waiting-count]").textContent = more >= 50 ? "50+" : more;
        return;
      }
      part.dataset.after = answer.headers.get("X-Last") || part.dataset.after;
      const html = await answer.text();
      if (!html.trim()) return;
      const empty = one(".empty", part);
      if (empty) empty.remove();
      part.insertAdjacentHTML("afterbegin", html);
      all(".event", part).slice(200).forEach((r) => r.remove());
    } finally { waiting = null; }
  };
  const pause = one("[data-pause]");
  if (pause) pause.addEventListener("click", () => {
    const part = one("[data-mode=prepend]");
    const paused = !part.dataset.paused;
    if (paused) part.dataset.paused = "1"; else delete part.dataset.paused;
    pause.setAttribute("aria-pressed", paused);
    one("[data-pause-word]").textContent = paused ? pause.dataset.resume : pause.dataset.stop;
    one("[data-waiting]").hidden = true;
    if (!paused) refresh();
  });
  let timer = 0;
  const poll = () => { say(false); if (!timer) timer = setInterval(refresh, 10000); };
  let failures = 0;
  const connect = () => {
    if (!window.EventSource || !shell.dataset.live) { poll(); return; }
    const stream = new EventSource(shell.dataset.live);
    stream.onopen = () => { failures = 0; clearInterval(timer); timer = 0; say(true); };
    ["log", "state", "message"].forEach((kind) => stream.addEventListener(kind, soon));
    stream.onerror = () => {
      failures += 1;
      poll();
      if (stream.readyState === EventSource.CLOSED || failures > 3) {
        stream.close();
        setTimeout(connect, Math.min(60000, 5000 * failures));
      }
    };
  };
  if (all("[data-refresh]").length) connect();
  else if (state) state.hidden = true;
  document.addEventListener("visibilitychange", () => { if (!document.hidden && all("[data-refresh]").length) refresh(); });
})();
