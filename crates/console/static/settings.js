// The SMS settings' form: tabs, fields that appear when they apply, a search in the list of plugins, rows of parameters, a preview in
// place, and a warning before changes are lost. Without this script the form's buttons do all of it but the warning.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("settings");
  if (!form) return;
  const named = (name) => Array.from(form.elements).filter((control) => control.name === name);
  const valueOf = (name) => {
    const controls = named(name);
    const radio = controls.find((control) => control.type === "radio" && control.checked);
    if (radio) return radio.value;
    const other = controls.find((control) => control.type !== "radio");
    return other ? other.value : "";
  };

  // === fields that apply ===
  const parts = Array.from(form.querySelectorAll("[data-shown-when]"));
  const show = () => {
    for (const part of parts) {
      const applies = part.dataset.values.split("|").includes(valueOf(part.dataset.shownWhen));
      // What is wrong is never hidden.
      part.hidden = !applies && !part.classList.contains("has-errors") && !part.querySelector(".has-error");
    }
  };
  form.classList.add("scripted");
  form.addEventListener("change", show);
  show();

  // === tabs ===
  const list = form.querySelector("[data-tabs]");
  const tabs = list ? Array.from(list.querySelectorAll("a")) : [];
  const panels = Array.from(form.querySelectorAll("[data-tab]"));
  const choose = (at, focus) => {
    tabs.forEach((tab, index) => {
      tab.setAttribute("aria-selected", index === at ? "true" : "false");
      tab.tabIndex = index === at ? 0 : -1;
      panels[index].hidden = index !== at;
    });
    if (focus) tabs[at].focus();
  };
  if (tabs.length > 0) {
    list.setAttribute("role", "tablist");
    list.querySelectorAll("li").forEach((item) => item.setAttribute("role", "presentation"));
    tabs.forEach((tab, index) => {
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panels[index].id);
      tab.id = `tab-${index}`;
      panels[index].setAttribute("role", "tabpanel");
      panels[index].setAttribute("aria-labelledby", tab.id);
      tab.addEventListener("click", (event) => {
        event.preventDefault();
        choose(index, false);
      });
      tab.addEventListener("keydown", (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (by) choose((index + by + tabs.length) % tabs.length, true);
      });
    });
    const holder = (id) => panels.findIndex((panel) => panel.id === id || panel.querySelector(`#${CSS.escape(id)}`));
    const target = location.hash ? holder(location.hash.slice(1)) : -1;
    const wrong = panels.findIndex((panel) => panel.querySelector(".has-error"));
    choose(target >= 0 ? target : Math.max(wrong, Number(form.dataset.chosen ?? 0)), false);
    // A link of the summary leads to a field on another tab, or behind a button.
    const reveal = (id) => {
      const found = document.getElementById(id);
      if (!found) return;
      const at = holder(id);
      if (at >= 0) choose(at, false);
      for (let above = found.closest("details"); above; above = above.parentElement.closest("details")) above.open = true;
      found.focus();
    };
    for (const link of document.querySelectorAll(".summary a")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        reveal(link.hash.slice(1));
      });
    }
  }
  const summary = document.getElementById("problems");
  if (summary) summary.focus();

  // === the list of plugins ===
  let isLeaving = false;
  const submitBy = (button) => {
    isLeaving = true;
    form.requestSubmit(button);
  };
  for (const field of form.querySelectorAll("[data-plugin]")) {
    const [select, search, button] = ["select", "[data-search]", "[data-update]"].map((of) => field.querySelector(of));
    if (!button) continue;
    button.hidden = true;
    search.hidden = false;
    const groups = Array.from(select.querySelectorAll("optgroup"), (group) => [group, Array.from(group.children)]);
    search.addEventListener("input", () => {
      const words = search.value.toLowerCase().split(/\s+/);
      const fits = (option) => words.every((word) => `${option.text} ${option.value}`.toLowerCase().includes(word));
      for (const [group, options] of groups) {
        group.replaceChildren(...options.filter((option) => fits(option) || option.selected));
      }
      const count = groups.reduce((sum, [, options]) => sum + options.filter(fits).length, 0);
      field.querySelector("[data-no-match]").hidden = count > 0;
      select.size = search.value ? Math.max(Math.min(count + groups.length, 10), 3) : 1;
      select.classList.toggle("open", search.value !== "");
    });
    search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") {
        event.preventDefault();
        select.focus();
      }
      if (event.key !== "Enter") return;
      event.preventDefault();
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const first = groups.flatMap(([, options]) => options).find((option) => words.every((word) => `${option.text} ${option.value}`.toLowerCase().includes(word)));
      if (words.length > 0 && first) {
        select.value = first.value;
        submitBy(button);
      }
    });
    select.addEventListener("change", () => submitBy(button));
  }

  // === Other, and whether a parameter is a password ===
  form.addEventListener("change", (event) => {
    if (!event.target.name.endsWith(".is_password")) return;
    const value = named(event.target.name.replace(/is_password$/, "value"))[0];
    if (value) value.type = event.target.checked ? "password" : "text";
  });

  // === a preview in place ===
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    const asks = button && /^(preview|balance):/.test(button.value);
    if (!asks) {
      isLeaving = true;
      return;
    }
    event.preventDefault();
    button.disabled = true;
    try {
      const body = new URLSearchParams(new FormData(form));
      body.set("do", button.value);
      const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin", redirect: "error" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const id = button.value.replace(":", "-");
      const found = page.getElementById(id);
      if (found) {
        const here = document.getElementById(id);
        if (here) here.replaceWith(found);
        else button.closest("[data-tab]").append(found);
        found.scrollIntoView({ block: "nearest" });
        return;
      }
    } catch {
      // As without a script.
    } finally {
      button.disabled = false;
    }
    // There are problems: the page shows them.
    const asked = document.createElement("input");
    Object.assign(asked, { type: "hidden", name: "do", value: button.value });
    form.append(asked);
    isLeaving = true;
    form.submit();
  });

  // === changes that are not applied ===
  let isUnsaved = form.dataset.unsaved === "on";
  const note = form.querySelector("[data-unsaved-note]");
  form.addEventListener("input", (event) => {
    if (event.target.matches("[data-search], [name='preview_text']")) return;
    isUnsaved = true;
    if (note) note.hidden = false;
    form.elements.unsaved.value = "on";
  });
  window.addEventListener("beforeunload", (event) => {
    if (isUnsaved && !isLeaving) event.preventDefault();
  });
  const discard = form.querySelector("[data-discard]");
  if (discard) discard.addEventListener("click", () => { isLeaving = true; });
});
