"use strict";
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];

  // The one-time link: the code stands behind #, which browsers do not send.
  const code = document.querySelector("[data-code]");
  if (code && location.hash.length > 1) {
    code.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname);
    code.form.querySelector("button").focus();
  }

  // Times: UTC in the page, the reader's zone here; the title keeps UTC.
  const zoned = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  let utc = sessionStorage.getItem("utc") === "yes";
  const showTimes = () => {
    for (const time of all("time[datetime]:not([data-ago])")) {
      if (!time.dataset.utc) {
        time.dataset.utc = time.textContent;
        if (!time.title) time.title = time.textContent;
      }
      const moment = new Date(time.dateTime);
      time.textContent = utc || isNaN(moment) ? time.dataset.utc : zoned.format(moment);
    }
    for (const button of all("[data-zone]")) {
      button.hidden = false;
      button.textContent = utc ? "Show times in your time zone" : "Show times in UTC";
    }
  };
  showTimes();
  for (const button of all("[data-zone]")) {
    button.addEventListener("click", () => {
      utc = !utc;
      sessionStorage.setItem("utc", utc ? "yes" : "no");
      showTimes();
    });
  }

  // Light, dark, or as the system: a cookie, so that the page is right from the first paint.
  for (const button of all("[data-theme-switch]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const root = document.documentElement;
      const dark = matchMedia("(prefers-color-scheme: dark)").matches;
      const now = root.getAttribute("data-theme") || (dark ? "dark" : "light");
      const next = now === "dark" ? "light" : "dark";
      root.setAttribute("data-theme", next);
      document.cookie = `connector_theme=${next}; path=/; max-age=31536000; samesite=lax`;
    });
  }

  // Esc closes an open menu and gives the focus back.
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.activeElement.closest("details.menu[open]");
    if (menu) {
      menu.removeAttribute("open");
      menu.querySelector("summary").focus();
    }
  });
})();
