"use strict";
// The match browser. Texts are unpacked a block at a time; whatever a model wrote reaches the page as text nodes only.
(async () => {
  const ROW = 84;
  const { unpack, store, h, thousands, bdi, length, spoken, textBlock } = texts;
  /** @param {string} id @returns {any} */
  const at = (id) => document.getElementById(id);

  const index = await unpack("index");
  const { columns, names, categories, judges, outcomes } = index;
  const total = columns.id.length;
  const OPEN = new Set(["unparsed", "void", "not asked"]);

  const words = store("t", index.text_blocks), details = store("d", index.detail_blocks);

  // What is shown: rows that pass the filters, each seen from its left side.
  const state = { outcome: "all", left: -1, right: -1, category: -1, by: 0, query: "", at: -1 };
  /** @type {Uint8Array | null} */
  let hits = null;
  /** @type {number[]} */
  let rows = [];

  /** Whether a row is shown with its sides exchanged; null where the chosen contenders did not meet. @param {number} row */
  function turned(row) {
    const a = columns.a[row], b = columns.b[row];
    /** @param {number} left @param {number} right */
    const fits = (left, right) => (state.left < 0 || state.left === left) && (state.right < 0 || state.right === right);
    return fits(a, b) ? false : fits(b, a) ? true : null;
  }
  /** The outcome of a row for one judge, from the side shown left. @param {number} row @param {number} judge @param {boolean} turn */
  function result(row, judge, turn) {
    const outcome = outcomes[columns.outcome[row][judge]], share = columns.share[row][judge];
    if (OPEN.has(outcome)) return { outcome, side: "open", share };
    const left = turn ? 1 - share : share;
    const side = outcome === "inconsistent" ? "flip" : left > 0.5 ? "left" : left < 0.5 ? "right" : "tie";
    return { outcome, side, share: left };
  }
  /** @param {number} row */
  function disagree(row) {
    const sides = new Set(judges.map((_, judge) => result(row, judge, false).side));
    sides.delete("open");
    return sides.size > 1;
  }
  const kinds = {
    all: () => true,
    left: (row, found) => found.side === "left",
    right: (row, found) => found.side === "right",
    tie: (row, found) => found.side === "tie",
    flip: (row, found) => found.side === "flip",
    forfeit: (row, found) => found.outcome === "forfeit",
    disagree: (row) => disagree(row),
    open: (row, found) => found.side === "open",
  };
  /** @param {number} row */
  function hit(row) {
    const found = hits;
    if (found === null) return true;
    return [columns.prompt[row], columns.text_a[row], columns.text_b[row], ...columns.words[row]].some((text) => text >= 0 && found[text]);
  }

  function sift() {
    const counts = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, 0]));
    rows = [];
    for (let row = 0; row < total; row++) {
      if (state.category >= 0 && columns.category[row] !== state.category) continue;
      const turn = turned(row);
      if (turn === null || !hit(row)) continue;
      const found = result(row, state.by, turn);
      for (const [kind, test] of Object.entries(kinds)) if (test(row, found)) counts[kind]++;
      if (kinds[state.outcome](row, found)) rows.push(row);
    }
    drawOutcomes(counts);
    at("found").textContent = `${thousands(rows.length)} of ${thousands(total)} matches`;
    at("spacer").style.height = `${rows.length * ROW}px`;
    at("list").scrollTop = 0;
    drawList();
  }

  /** @param {Record<string, number>} counts */
  function drawOutcomes(counts) {
    const two = names.length === 2, a = columns.a[0], b = columns.b[0];
    const left = state.left >= 0 ? names[state.left] : two ? names[a] : "left", right = state.right >= 0 ? names[state.right] : two ? names[b] : "right";
    const words = {
      all: ["All"], left: [bdi(left), " won"], right: [bdi(right), " won"], tie: ["Ties"], flip: ["Flips"],
      forfeit: ["Forfeits"], disagree: ["Judges disagree"], open: ["Not scored"],
    };
    const always = ["all", "left", "right", "tie", "flip", "open"];
    const shown = Object.keys(kinds).filter((kind) => always.includes(kind) || counts[kind] || kind === state.outcome || (kind === "disagree" && judges.length > 1));
    const focused = document.activeElement?.getAttribute("data-kind");
    at("outcomes").replaceChildren(...shown.map((kind) => h("button", {
      type: "button", "data-kind": kind, "aria-pressed": String(state.outcome === kind),
      onclick: () => { state.outcome = kind; sift(); },
    }, ...words[kind], h("span", { class: "count" }, thousands(counts[kind])))));
    if (focused) at("outcomes").querySelector(`[data-kind="${focused}"]`)?.focus();
  }

  /** @param {number} row @returns {any[]} */
  function inWords(row, judge = state.by) {
    const turn = turned(row) ?? false, found = result(row, judge, turn);
    const [left, right] = turn ? [columns.b[row], columns.a[row]] : [columns.a[row], columns.b[row]];
    const how = { forfeit: ", by forfeit", graded: ", graded" }[found.outcome] ?? "";
    if (found.side === "left") return [bdi(names[left]), " won" + how];
    if (found.side === "right") return [bdi(names[right]), " won" + how];
    if (found.side === "flip") return ["flips with the order"];
    return [found.side === "tie" ? "tie" : found.outcome];
  }

  function drawList() {
    const list = at("list"), first = Math.max(0, Math.floor(list.scrollTop / ROW) - 4);
    const last = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 4);
    const shown = [];
    for (let place = first; place < last; place++) {
      const row = rows[place], category = columns.category[row];
      const option = h("div", {
        class: "option", role: "option", id: `o${row}`, "aria-selected": String(row === state.at),
        "aria-setsize": rows.length, "aria-posinset": place + 1, onclick: () => { show(row, true); },
      }, h("p", { dir: "auto" }, index.heads[columns.head[row]] || "(no text)"),
      h("p", { class: "result" }, ...inWords(row), ...(category >= 0 ? [" · ", bdi(categories[category])] : [])));
      option.style.top = `${place * ROW}px`;
      shown.push(option);
    }
    at("spacer").replaceChildren(...shown);
    if (shown.some((option) => option.id === `o${state.at}`)) list.setAttribute("aria-activedescendant", `o${state.at}`);
    else list.removeAttribute("aria-activedescendant");
  }

  // One match.
  let drawn = 0;
  /** @param {number} row @param {boolean} [go] whether to bring the match into view @param {boolean} [name] whether the address names it */
  async function show(row, go = false, name = true) {
    const mine = ++drawn;
    state.at = row;
    drawList();
    try { if (name) history.replaceState(null, "", `#match=${columns.id[row]}`); } catch { /* not allowed everywhere from disk */ }
    const turn = turned(row) ?? false;
    const [textLeft, textRight] = turn ? [columns.text_b[row], columns.text_a[row]] : [columns.text_a[row], columns.text_b[row]];
    const [detail, prompt, left, right] = await Promise.all([details.get(row), words.get(columns.prompt[row]), words.get(textLeft), words.get(textRight)]);
    const heard = await Promise.all(detail.asks.map((ask) => Promise.all(ask.words.map(words.get))));
    if (mine !== drawn) return;
    const [nameLeft, nameRight] = (turn ? [columns.b[row], columns.a[row]] : [columns.a[row], columns.b[row]]).map((code) => names[code]);
    const found = result(row, state.by, turn), category = columns.category[row];
    const share = found.share == null ? "" : `${nameLeft}’s share ${found.share.toFixed(2)}`;
    at("match").replaceChildren(
      h("header", {},
        h("button", { type: "button", id: "back", onclick: back }, "← All matches"),
        h("h3", {}, ...inWords(row)),
        h("p", {}, h("bdi", {}, [share, category >= 0 ? categories[category] : "", detail.item ?? ""].filter(Boolean).join(" · "))),
        h("p", {}, h("a", { href: `#match=${columns.id[row]}`, title: detail.contest }, columns.id[row]))),
      h("div", { class: "prompt" }, h("h4", {}, "Prompt"), onlyUser(prompt)),
      h("div", { class: "sides" }, side(nameLeft, left, found.side === "left"), side(nameRight, right, found.side === "right")),
      h("div", { class: "words" }, detail.asks.map((ask, place) => judged(ask, heard[place], turn, [nameLeft, nameRight]))));
    at("browser").dataset.view = "match";
    if (go && matchMedia("(max-width: 62rem)").matches) at("browser").scrollIntoView();
  }
  /** @param {any} prompt */
  const onlyUser = (prompt) => prompt?.turns?.length === 1 && prompt.turns[0][0] === "user" ? spoken(prompt.turns[0][1]) : spoken(prompt);
  /** @param {string} name @param {any} text @param {boolean} won */
  function side(name, text, won) {
    return h("section", { class: won ? "side won" : "side", "aria-label": name },
      h("h4", {}, bdi(name), h("span", { class: "small" }, `${thousands(length(text))} characters${won ? " · won" : ""}`)), spoken(text));
  }
  /** One ask of a judge, in words. @param {any} ask @param {any[]} words @param {boolean} turn @param {string[]} sides */
  function judged(ask, words, turn, sides) {
    const outcome = outcomes[ask.outcome], open = OPEN.has(outcome);
    const share = ask.share === null ? null : turn ? 1 - ask.share : ask.share;
    const winner = open || share === null ? null : share > 0.5 ? sides[0] : share < 0.5 ? sides[1] : "";
    const first = sides[(turn ? 1 - ask.left_seat : ask.left_seat)];
    const said = winner === null ? outcome : winner === "" ? "tie" : `${winner}${outcome === "win" || outcome === "loss" ? "" : `, ${outcome}`}`;
    const facts = [`shown first: ${first}`, share === null || share % 0.5 === 0 ? "" : `${sides[0]}’s share ${share.toFixed(2)}`, ask.served_by,
      ask.cached ? "from the ledger" : "", ask.money ? `$${ask.money.toPrecision(2)}` : "", ask.seconds ? `${ask.seconds.toFixed(1)} s` : ""];
    const title = `Order ${ask.order + 1}${ask.repeat ? `, repeat ${ask.repeat + 1}` : ""}${judges.length > 1 && ask.judge >= 0 ? `, ${judges[ask.judge]}` : ""}`;
    const heard = words.filter((text) => text !== null);
    return h("section", { class: "ask", "aria-label": title },
      h("h4", {}, title, h("span", {}, "→ ", bdi(said))),
      h("p", { class: "note" }, h("bdi", {}, facts.filter(Boolean).join(" · "))),
      heard.map(spoken),
      words.length > heard.length && h("p", { class: "missing" }, "The judge’s words are not in the ledger."),
      ask.reason && (open || !heard.length) && textBlock(ask.reason));
  }

  // Search over all texts, block by block, so that the page stays alive.
  let searches = 0;
  /** @param {string} query */
  async function search(query) {
    const mine = ++searches, wanted = query.trim().toLowerCase();
    state.query = wanted;
    if (!wanted) { hits = null; sift(); return; }
    const found = new Uint8Array(index.texts);
    for (let block = 0; block < words.starts.length; block++) {
      const values = await unpack(`t${block}`);
      if (mine !== searches) return;
      values.forEach((value, k) => {
        const said = typeof value === "string" ? value : value.turns.map((turn) => turn[1]).join("\n") + (value.thinking ?? "");
        if (said.toLowerCase().includes(wanted)) found[words.starts[block] + k] = 1;
      });
      if (block % 20 === 19) at("found").textContent = `Searching, ${Math.round(100 * block / words.starts.length)}%`;
    }
    hits = found;
    sift();
  }

  function back() {
    at("browser").dataset.view = "list";
    at("list").focus();
  }
  /** @param {number} by */
  function step(by) {
    if (!rows.length) return;
    const now = rows.indexOf(state.at), next = Math.max(0, Math.min(rows.length - 1, now < 0 ? 0 : now + by));
    const list = at("list"), top = next * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    show(rows[next]);
  }

  /** @param {KeyboardEvent} event */
  function key(event) {
    const target = /** @type {HTMLElement} */ (event.target), typing = /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      if (target === at("query") && at("query").value) { at("query").value = ""; search(""); }
      else if (target === at("query")) at("list").focus();
      else if (at("browser").dataset.view === "match") back();
      return;
    }
    if (typing) return;
    const inList = target === at("list");
    if (event.key === "/") { event.preventDefault(); at("query").focus(); }
    else if (event.key === "j" || (inList && event.key === "ArrowDown")) { event.preventDefault(); step(1); reach(); }
    else if (event.key === "k" || (inList && event.key === "ArrowUp")) { event.preventDefault(); step(-1); reach(); }
    else if (inList && event.key === "Home") { event.preventDefault(); step(-rows.length); }
    else if (inList && event.key === "End") { event.preventDefault(); step(rows.length); }
  }
  /** Brings the browser into view when a key moves it. */
  function reach() {
    const box = at("browser").getBoundingClientRect();
    if (box.bottom < 80 || box.top > innerHeight - 200) at("browser").scrollIntoView();
  }

  function follow() {
    const wanted = /^#match=([0-9a-z]+)/i.exec(location.hash)?.[1];
    if (!wanted) return false;
    const row = columns.id.findIndex((id) => wanted.startsWith(id) || id.startsWith(wanted));
    if (row < 0) { at("found").textContent = `No match ${wanted} in this report.`; return false; }
    if (row !== state.at) show(row);
    at("matches").scrollIntoView();
    return true;
  }

  /** @param {any} select @param {string[]} labels @param {string} all @param {(value: number) => void} use */
  function fill(select, labels, all, use) {
    const few = labels.length < 2 || (all && names.length === 2 && labels === names);
    select.closest(".field").hidden = few;
    select.replaceChildren(...(all ? [h("option", { value: -1 }, all)] : []), ...labels.map((label, value) => h("option", { value }, label)));
    select.addEventListener("change", () => { use(Number(select.value)); sift(); });
  }
  fill(at("left"), names, "anyone", (value) => { state.left = value; });
  fill(at("right"), names, "anyone", (value) => { state.right = value; });
  fill(at("category"), categories, "all", (value) => { state.category = value; });
  fill(at("by"), judges, "", (value) => { state.by = value; });
  let waiting = 0;
  at("query").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(() => search(at("query").value), 180); });
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("list").addEventListener("scroll", drawList, { passive: true });
  new ResizeObserver(drawList).observe(at("list"));
  addEventListener("keydown", key);
  addEventListener("hashchange", follow);
  at("browser").hidden = false;
  sift();
  if (!follow() && rows.length && matchMedia("(min-width: 62.01rem)").matches) {
    await show(rows[0], false, false);
  }
  performance.mark("matches");
  document.documentElement.dataset.matches = "ready";
})();
