"use strict";
// One pair at a time. A label counts once the server has answered: until then the pair stays, and is sent again.
(() => {
  const { h, written, thousands } = texts;
  /** @param {string} id @returns {any} */
  const at = (id) => document.getElementById(id);
  const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
  const keys = { ArrowLeft: "left", ArrowRight: "right", t: "tie", b: "both bad", s: "skip" };
  const words = { left: "Left", right: "Right", tie: "Tie", "both bad": "Both bad", skip: "Skipped" };
  let annotator = "", pair = null, busy = false, shown = 0;

  /** @param {string} path @param {any} [body] */
  async function ask(path, body) {
    const reply = await fetch(path, {
      method: body ? "POST" : "GET", cache: "no-store",
      headers: { Authorization: `Bearer ${token}`, ...(body ? { "Content-Type": "application/json" } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const said = await reply.json();
    if (!reply.ok) throw Object.assign(new Error(said.error), { final: reply.status < 500 });
    return said;
  }

  /** Ask, and again while the server cannot be reached; the page shows that it waits. @param {string} path @param {any} [body] */
  async function surely(path, body) {
    busy = true;
    at("choices").setAttribute("aria-busy", "true");
    try {
      for (let wait = 500; ; wait = Math.min(2 * wait, 5000)) {
        try {
          const said = await ask(path, body);
          tell("");
          return said;
        } catch (error) {
          if (error.final) throw error;
          tell("The server does not answer. What it confirmed is kept; this is tried again.");
          await new Promise((go) => setTimeout(go, wait));
        }
      }
    } finally {
      busy = false;
      at("choices").removeAttribute("aria-busy");
    }
  }

  /** @param {string} line */
  function tell(line) {
    at("trouble").textContent = line;
    at("trouble").hidden = !line;
  }

  /** @param {string} path @param {any} [body] @param {string} [word] */
  async function step(path, body, word = "") {
    if (busy) return;
    try {
      show(await surely(path, body), word);
    } catch (error) { tell(error.message); }
  }

  /** Whole texts, however long: nobody should judge half an answer. @param {string} text @param {string} [role] */
  function block(text, role) {
    const box = text ? h("div", { class: "text", dir: "auto" }, ...written(text.replace(/^(\s*\n)+|\s+$/g, ""))) : h("p", { class: "missing" }, "Empty.");
    return role ? h("div", { class: "turn" }, h("p", { class: "role" }, role), box) : box;
  }

  /** @param {any} state @param {string} word */
  function show(state, word) {
    pair = state.pair;
    at("enter").hidden = true;
    at("work").hidden = pair === null;
    at("done").hidden = pair !== null;
    at("bar").max = Math.max(1, state.wanted);
    at("bar").value = state.labelled;
    at("count").textContent = `${thousands(state.labelled)} of ${thousands(state.wanted)} pairs labelled, ${thousands(state.yours)} by you`;
    at("agreed").textContent = agreement(state);
    at("undo").disabled = at("again").hidden = !state.undo;
    at("said").textContent = word;
    if (pair === null) {
      at("sum").textContent = `${at("count").textContent}. ${agreement(state)}`;
      at("done-title").focus();
      return;
    }
    const turns = [...(state.pair.system ? [{ role: "system", text: pair.system }] : []), ...pair.prompt];
    at("prompt").replaceChildren(...turns.map((turn) => block(turn.text, turns.length > 1 ? turn.role : "")));
    for (const side of ["left", "right"]) {
      const said = pair[side];
      at(side).replaceChildren(...(said.length ? said : [""]).map((text, k) => block(text, said.length > 1 ? `turn ${k + 1}` : "")));
    }
    shown = performance.now();
    at("title").focus({ preventScroll: true });
    scrollTo({ top: 0 });
  }

  /** @param {any} state */
  function agreement(state) {
    /** @param {string} name @param {any} one */
    const figure = (name, one) => one.estimate === null ? `${name} not defined` : `${name} ${one.estimate.toFixed(2)} (${one.low.toFixed(2)} to ${one.high.toFixed(2)})`;
    if (state.alpha === null) return state.annotators > 1 ? "No pair labelled by two yet" : "";
    const both = [figure("alpha", state.alpha), ...(state.kappa ? [figure("kappa", state.kappa)] : [])];
    return `Agreement: ${both.join(", ")}, n = ${thousands(state.alpha.items)}`;
  }

  /** @param {string} label */
  function say(label) {
    // a key held down or struck twice must not label the pair that has just come
    if (pair === null || performance.now() - shown < 120) return;
    step("api/labels", { annotator, pair: pair.id, label }, `${words[label]}. Next pair.`);
  }
  function undo() { step("api/undo", { annotator }, "Taken back."); }

  /** @param {string} name */
  function begin(name) {
    annotator = name.trim();
    const address = new URL(location.href);
    address.searchParams.set("name", annotator);
    history.replaceState(null, "", address);
    step(`api/pair?annotator=${encodeURIComponent(annotator)}`);
  }

  for (const button of document.querySelectorAll("[data-label]")) button.addEventListener("click", () => say(button.dataset.label));
  at("undo").addEventListener("click", undo);
  at("again").addEventListener("click", undo);
  at("sign").addEventListener("submit", (event) => { event.preventDefault(); begin(at("name").value); });
  addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || annotator === "" || event.target.matches("input")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (keys[key] && !at("work").hidden) { event.preventDefault(); say(keys[key]); }
    else if (key === "u") { event.preventDefault(); undo(); }
  });

  const named = new URLSearchParams(location.search).get("name");
  if (token === "") tell("This address lacks its token. Open the whole address that the terminal printed.");
  else if (named) begin(named);
  else at("name").focus();
  document.documentElement.dataset.annotate = "ready";
})();
