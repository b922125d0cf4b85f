// Follows what the phones show: on each change the page is fetched again, and what differs is put in its place.
"use strict";

let running = false;
let again = false;

async function refresh() {
  if (running) {
    again = true;
    return;
  }
  running = true;
  try {
    do {
      again = false;
      const answer = await fetch(location.href, { cache: "no-store" });
      if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } while (again);
  } catch {
    // The events tell when the server is there again.
  } finally {
    running = false;
  }
}

function replace(page) {
  const before = document.getElementById("head")?.dataset.latest;
  const focus = document.activeElement?.id;
  const scroll = document.getElementById("messages")?.scrollTop ?? 0;
  // What is being written stays.
  const box = document.getElementById("text");
  const draft = box && { value: box.value, start: box.selectionStart, end: box.selectionEnd, number: number() };
  for (const id of ["phones", "phone"]) {
    const fresh = page.getElementById(id);
    if (fresh) document.getElementById(id).replaceWith(document.adoptNode(fresh));
  }
  const fresh = document.getElementById("text");
  if (fresh && draft && draft.number === number()) {
    fresh.value = draft.value;
    fresh.setSelectionRange(draft.start, draft.end);
  }
  document.title = page.title;
  localize();
  const head = document.getElementById("head");
  const isNew = head?.dataset.latest !== before;
  const messages = document.getElementById("messages");
  if (messages && !isNew) messages.scrollTop = scroll;
  if (isNew && head?.dataset.from) {
    document.getElementById("news").textContent = `New message from ${head.dataset.from}`;
    document.getElementById("phone").classList.add("arrived");
  }
  const flash = document.getElementById("dismiss");
  if (flash && isNew) flash.focus();
  else if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
}

// Whose page it is.
function number() {
  return document.querySelector("#write [name=phone]")?.value;
}

// Times as they are here.
function localize() {
  for (const time of document.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    const isToday = at.toDateString() === new Date().toDateString();
    time.textContent = isToday ? at.toLocaleTimeString() : at.toLocaleString();
  }
  const clock = document.querySelector(".clock");
  if (clock) clock.textContent = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

document.addEventListener("submit", async (event) => {
  if (!event.target.matches(".flash form, #write")) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target));
  const answer = await fetch(event.target.action, { method: "POST", body, redirect: "manual" });
  // A redirect is not followed here, and so it is none of the server's refusals.
  if (event.target.id === "write" && answer.type === "opaqueredirect") document.getElementById("text").value = "";
  refresh();
});

const live = document.getElementById("live");
const events = new EventSource("/events");
events.addEventListener("open", () => {
  live.textContent = "Live";
  live.classList.add("on");
});
events.addEventListener("error", () => {
  live.textContent = "The simulator is not there; waiting for it";
  live.classList.remove("on");
});
events.addEventListener("change", refresh);
setInterval(localize, 15000);
localize();
