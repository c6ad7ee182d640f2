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
  const zoned = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
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

  // A page that waits for something, and one whose form has a problem.
  for (const part of all("[data-reload]")) setTimeout(() => location.reload(), 1000 * Number(part.dataset.reload));
  const problem = document.querySelector("[data-problem]");
  if (problem) problem.focus();

  // A run in progress: the whole picture each time, while the page is visible.
  const live = document.querySelector("[data-live]");
  if (live) {
    const number = new Intl.NumberFormat("en");
    let stream = null, heard = 0, phase = "", quarter = -1, asking = false;
    const show = (picture) => {
      heard = Date.now();
      for (const part of live.querySelectorAll("[data-text]")) part.textContent = picture[part.dataset.text];
      for (const part of live.querySelectorAll("[data-number]")) {
        part.textContent = number.format(picture.rows[part.dataset.number]);
      }
      const bar = live.querySelector("[data-bar]");
      if (picture.percent === null) bar.removeAttribute("value");
      else bar.setAttribute("value", picture.percent);
      const now = picture.percent === null ? -1 : Math.floor(picture.percent / 25);
      if (picture.phase !== phase || now > quarter) {
        if (phase) live.querySelector("[data-announce]").textContent = picture.sentence;
        phase = picture.phase;
        quarter = now;
      }
      if (picture.status !== "running") end();
    };
    const close = () => {
      if (stream) stream.close();
      stream = null;
    };
    const end = () => {
      close();
      location.reload();
    };
    const open = () => {
      if (stream || document.hidden) return;
      heard = Date.now();
      stream = new EventSource(live.dataset.live);
      stream.addEventListener("state", (event) => show(JSON.parse(event.data)));
      stream.addEventListener("end", end);
    };
    document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
    // Something that holds streams back: ask instead.
    setInterval(async () => {
      if (document.hidden || asking || Date.now() - heard < 10000) return;
      asking = true;
      try {
        const answer = await fetch(live.dataset.live.replace(/events$/, "state"));
        if (answer.ok) show(await answer.json());
      } catch {
        // The next try may succeed.
      }
      asking = false;
    }, 5000);
    open();
  }
})();
