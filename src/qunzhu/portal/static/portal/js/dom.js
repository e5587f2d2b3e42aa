// Building the page from values: text is always text, never markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** An element; `props` are attributes, `text` is its text, `onclick` and the like are listeners. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "dataset") Object.assign(node.dataset, value);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** One of the icons of the page's sprite (templates/portal/icons.svg). */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A member's first letter on a colour of their own; the product itself has its mark. */
export function avatar(memberId, nickname) {
  if (memberId === null || memberId === undefined) {
    return el("span", { class: "avatar avatar-bot", "aria-hidden": "true" }, icon("bot"));
  }
  const letter = [...(nickname || "?").trim()][0] || "?";
  return el("span", { class: `avatar hue-${memberId % 8}`, "aria-hidden": "true", text: letter.toUpperCase() });
}

// A web address as people type it; Chinese punctuation ends it, and so does closing punctuation at its end.
const LINK = /https?:\/\/[^\s<>"'，。！？；：、（）「」『』【】《》…]+/gi;

/** `text` as nodes, with http(s) addresses as links that tell nothing about where they were clicked. */
export function withLinks(text) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(LINK)) {
    const typed = found[0].replace(/[.,!?;:)\]}]+$/, "");
    const address = safeAddress(typed);
    if (!address) continue;
    nodes.push(text.slice(from, found.index));
    nodes.push(el("a", { href: address, rel: "noopener noreferrer nofollow ugc", target: "_blank", text: typed }));
    from = found.index + typed.length;
  }
  nodes.push(text.slice(from));
  return nodes.filter((node) => node !== "");
}

function safeAddress(typed) {
  try {
    const address = new URL(typed);
    return ["http:", "https:"].includes(address.protocol) ? address.href : null;
  } catch {
    return null;
  }
}
