// The live stream of one group. It resumes after the last event seen, whatever broke: network, server, sleep.

import { asMe } from "./api.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

/**
 * Listens to the group; `on.event(event)`, `on.state(state)` and `on.connected(bool)` are called.
 * `after()` says the last seq seen: what came in between is sent again by the server, nothing is lost.
 */
export function listen(group, after, on) {
  let source = null;
  let timer = null;
  let wait = FIRST_WAIT;
  let stopped = false;

  function open() {
    clearTimeout(timer);
    if (stopped) return;
    source?.close();
    source = new EventSource(`/live/local?${asMe({ group, after: after() })}`);
    source.addEventListener("open", () => {
      wait = FIRST_WAIT;
      on.connected(true);
    });
    source.addEventListener("log", (message) => on.event(JSON.parse(message.data)));
    source.addEventListener("state", (message) => on.state(JSON.parse(message.data)));
    // The browser would retry by itself, but from the old address, and never after a refusal.
    source.addEventListener("error", () => {
      source.close();
      on.connected(false);
      timer = setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    });
  }

  const again = () => {
    if (document.visibilityState === "visible" && source?.readyState !== EventSource.OPEN) {
      wait = FIRST_WAIT;
      open();
    }
  };
  window.addEventListener("online", again);
  document.addEventListener("visibilitychange", again);
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (event) => event.persisted && open());
  open();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      source?.close();
    },
  };
}
