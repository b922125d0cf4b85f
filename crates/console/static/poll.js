// A part of a page that is fetched again and again until it says that it is final.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const PAUSE = 700;
  const MOST = 180;
  for (const part of document.querySelectorAll("[data-poll]")) {
    for (const link of document.querySelectorAll("[data-reload]")) link.hidden = true;
    let count = 0;
    const isFinal = () => part.querySelector("[data-final]") !== null;
    const look = async () => {
      try {
        const answer = await fetch(part.dataset.poll, { credentials: "same-origin", redirect: "error" });
        if (answer.ok) {
          const text = await answer.text();
          // Unchanged parts stay, so that nothing is announced twice.
          if (part.dataset.last !== text) {
            part.dataset.last = text;
            part.innerHTML = text;
          }
        }
      } catch {
        // The next look may find the server again.
      }
      count += 1;
      if (!isFinal() && count < MOST) setTimeout(look, PAUSE);
      else for (const link of document.querySelectorAll("[data-reload]")) link.hidden = isFinal();
    };
    if (!isFinal()) setTimeout(look, PAUSE);
  }
});
