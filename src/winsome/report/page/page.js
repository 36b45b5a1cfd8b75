"use strict";
// Theme, print and the rail: what the page does besides the match browser.
(() => {
  const themes = ["auto", "light", "dark"];
  const words = { auto: "as the system", light: "light", dark: "dark" };
  const button = /** @type {HTMLButtonElement} */ (document.getElementById("theme"));

  /** @param {string} theme */
  function use(theme) {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = theme[0].toUpperCase() + theme.slice(1);
    button.setAttribute("aria-label", `Colours: ${words[theme]}`);
    button.dataset.now = theme;
  }

  function kept() {
    try { return themes.includes(localStorage.winsomeTheme) ? localStorage.winsomeTheme : "auto"; }
    catch { return "auto"; }
  }

  use(kept());
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(button.dataset.now ?? "auto") + 1) % themes.length];
    use(next);
    try { localStorage.winsomeTheme = next; } catch { /* a page from disk may keep nothing */ }
  });

  addEventListener("beforeprint", () => {
    for (const how of document.querySelectorAll("details")) how.open = true;
  });

  const links = new Map([...document.querySelectorAll(".rail a")].map((link) => [link.getAttribute("href")?.slice(1), link]));
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  for (const id of links.keys()) {
    const section = document.getElementById(id ?? "");
    if (section) watch.observe(section);
  }
})();
