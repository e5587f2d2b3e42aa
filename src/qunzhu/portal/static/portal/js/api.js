// Talking to the receiver. A refusal carries the receiver's own sentence; no answer is a different thing and is retried.

export class Refused extends Error {
  constructor(code, message, status, details) {
    super(message);
    this.code = code;
    this.status = status;
    this.details = details;
  }
}

export class Unreachable extends Error {}

async function answerOf(response) {
  let answer = {};
  try {
    answer = await response.json();
  } catch {
    // a proxy's page, not the receiver's answer
  }
  if (response.ok) return answer;
  if (response.status >= 500 || response.status === 429) throw new Unreachable(answer.message || String(response.status));
  throw new Refused(answer.error || "refused", answer.message || "", response.status, answer);
}

async function ask(url, options) {
  try {
    return await answerOf(await fetch(url, { credentials: "same-origin", ...options }));
  } catch (error) {
    if (error instanceof Refused || error instanceof Unreachable) throw error;
    throw new Unreachable(String(error));
  }
}

let me = null;

/** Whom the page belongs to: a browser may be another member in another tab, in another community. */
export function actAs(member) {
  me = member;
}

/** The query of an address of the receiver, with who acts. */
export const asMe = (values) => new URLSearchParams({ ...values, as: me });

// keepalive: a read mark on the way survives the page that sent it
const post = (path, body) =>
  ask(`/in/local${path}?${asMe({})}`, { keepalive: path === "/read", method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const send = (message) => post("", message);
export const recall = (group, seq) => post("/recall", { group, seq });
export const leave = (group) => post("/leave", { group });
export const rename = (group, nickname) => post("/rename", { group, nickname });
export const markRead = (group, seq) => post("/read", { group, seq });
export const act = (group, action, details) => post("/act", { group, action, ...details });

/** Events of a group before `before` (newest when null), oldest first. */
export function history(group, before, limit = 40) {
  const query = asMe({ group, limit });
  if (before) query.set("before", before);
  return ask(`/in/local/history?${query}`, { headers: { Accept: "application/json" } });
}
