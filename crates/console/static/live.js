// Renews the part of a page that is live, when the server says that there is news.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const live = document.querySelector("[data-live]");
  if (!live || !window.EventSource) return;
  const state = document.querySelector("[data-live-state]");
  let isDue = false, isAsking = false;

  // Not under somebody's hands: what is focused, opened or selected stays until it is left.
  const isInUse = () => {
    const selection = window.getSelection();
    return live.contains(document.activeElement)
      || live.querySelector("details.dialog[open]")
      || (!selection.isCollapsed && live.contains(selection.anchorNode));
  };

  const renew = async () => {
    if (!isDue || isAsking || document.hidden || isInUse()) return;
    isDue = false;
    isAsking = true;
    try {
      const answer = await fetch(location.href, { headers: { "Textgate-Live": "1" }, redirect: "error" });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(live.id);
      if (!fresh || isInUse()) { isDue = true; return; }
      if (fresh.innerHTML === live.innerHTML) return;
      const open = [...live.querySelectorAll("details[id][open]")].map((details) => details.id);
      live.replaceChildren(...fresh.childNodes);
      for (const id of open) {
        const details = document.getElementById(id);
        if (details) details.open = true;
      }
    } catch { /* the next news tries again */ } finally {
      isAsking = false;
    }
  };

  const news = new EventSource(live.dataset.live);
  const say = (text) => { if (state) { state.textContent = text; state.hidden = false; } };
  // What happened between the page and the stream is no news to the stream.
  news.addEventListener("open", () => { say(state.dataset.on); isDue = true; renew(); });
  news.addEventListener("news", () => { isDue = true; renew(); });
  news.addEventListener("error", () => { if (news.readyState === EventSource.CLOSED) say(state.dataset.off); });
  document.addEventListener("visibilitychange", renew);
  setInterval(renew, 1000);
});
