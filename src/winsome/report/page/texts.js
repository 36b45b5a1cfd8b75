"use strict";
// Packed texts and how they are shown: unpacked a block at a time, and on the page as text nodes only.
const texts = (() => {
  const LIMIT = 4000, KEPT_BLOCKS = 48;

  /** @param {string} id @returns {Promise<any>} the JSON in an inert block */
  async function unpack(id) {
    const packed = Uint8Array.from(atob(/** @type {any} */ (document.getElementById(id)).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  /** Numbered values in blocks, the last few blocks kept unpacked. @param {string} prefix @param {number[]} starts */
  function store(prefix, starts) {
    /** @type {Map<number, Promise<any[]>>} */
    const kept = new Map();
    /** @param {number} block */
    function open(block) {
      const found = kept.get(block) ?? unpack(prefix + block);
      kept.delete(block);
      kept.set(block, found);
      if (kept.size > KEPT_BLOCKS) kept.delete(kept.keys().next().value);
      return found;
    }
    /** @param {number} number */
    async function get(number) {
      if (number < 0) return null;
      let low = 0, high = starts.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (starts[middle] <= number) low = middle; else high = middle - 1;
      }
      return (await open(low))[number - starts[low]];
    }
    return { get, open, starts };
  }
  /** An element with children; strings become text nodes.
   * @param {string} tag @param {Record<string, any>} [attributes] @param {...any} children @returns {any} */
  function h(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat().filter((child) => child != null && child !== false));
    return made;
  }
  /** @param {number} value */
  const thousands = (value) => value.toLocaleString("en");
  /** @param {string} name */
  const bdi = (name) => h("bdi", {}, name);

  /** Text nodes of what a model wrote; direction overrides are shown as what they are. @param {string} words */
  function written(words) {
    return words.split(/([\u202d\u202e])/).map((part) =>
      /^[\u202d\u202e]$/.test(part) ? h("span", { class: "control" }, `U+${part.charCodeAt(0).toString(16).toUpperCase()}`) : part);
  }
  /** @param {string} words */
  function textBlock(words) {
    const box = h("div", { class: "text", dir: "auto" }, ...written(words.slice(0, LIMIT)));
    if (words.length <= LIMIT) return box;
    const more = h("button", { type: "button", class: "more", "aria-expanded": "false", onclick: () => {
      const open = more.getAttribute("aria-expanded") === "true";
      box.replaceChildren(...written(open ? words.slice(0, LIMIT) : words));
      more.setAttribute("aria-expanded", String(!open));
      more.textContent = open ? `Show all ${thousands(words.length)} characters` : "Show less";
    } }, `Show all ${thousands(words.length)} characters`);
    return h("div", {}, box, more);
  }
  /** @param {any} text */
  const length = (text) => text === null ? 0 : typeof text === "string" ? text.length : text.turns.length ? text.turns.at(-1)[1].length : 0;
  /** A prompt or answer as packed: a text, or turns with what was unusual. @param {any} text */
  function spoken(text) {
    if (text === null) return h("p", { class: "missing" }, "Not in the ledger.");
    if (typeof text === "string") return text ? textBlock(text) : h("p", { class: "missing" }, "Empty.");
    const parts = text.turns.map(([role, words]) => h("div", { class: "turn" }, h("p", { class: "role" }, role), textBlock(words)));
    if (text.thinking) parts.unshift(h("details", {}, h("summary", { class: "small" }, "Thinking"), textBlock(text.thinking)));
    if (text.finish) parts.push(h("p", { class: "missing" }, text.finish === "length" ? "Cut off by the token limit." : `Ended: ${text.finish}.`));
    if (text.error) parts.push(h("p", { class: "missing" }, text.error));
    return h("div", {}, parts);
  }

  return { unpack, store, h, thousands, bdi, length, spoken, textBlock, written };
})();
