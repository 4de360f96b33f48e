// Makes pages quicker to use. Everything works without it.
"use strict";

// Search as you type: ask the server for the same page with the new words, and take its list over.
for (const form of document.querySelectorAll("form[data-live]")) {
  const field = form.querySelector("input[type=search]");
  const target = document.getElementById(form.dataset.live);
  if (!field || !target) continue;
  let timer = 0;
  let newest = 0;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const turn = ++newest;
      const words = new URLSearchParams(new FormData(form));
      for (const [name, value] of [...words]) if (!value) words.delete(name);
      const address = `${form.getAttribute("action")}?${words}`;
      const answer = await fetch(address, { headers: { Accept: "text/html" }, credentials: "same-origin" });
      if (!answer.ok || turn !== newest) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(target.id);
      if (fresh) {
        target.replaceChildren(...fresh.childNodes);
        history.replaceState(null, "", address);
      }
    }, 200);
  });
}

// Filters that are lists take effect at once; without a script there is a button for that.
for (const list of document.querySelectorAll("form[data-live] select")) {
  list.addEventListener("change", () => list.form.requestSubmit());
}
for (const button of document.querySelectorAll("[data-without-script]")) button.hidden = true;

// Copy a command or a file.
for (const box of document.querySelectorAll(".copyable")) {
  if (!navigator.clipboard) break;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(box.querySelector("pre").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  box.append(button);
}

// On a phone the links stand in a bar that scrolls: the current one is brought into sight.
const here = document.querySelector(".side nav a[aria-current]");
const links = document.querySelector(".side");
if (here && links.scrollWidth > links.clientWidth) {
  links.scrollLeft = here.offsetLeft - (links.clientWidth - here.offsetWidth) / 2;
}

// "/" goes to the search field.
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const field = document.querySelector("input[type=search]");
  if (field) {
    event.preventDefault();
    field.focus();
    field.select();
  }
});

// Whoever comes from another site arrives without the cookie, although signed in: ask again from here.
for (const form of document.querySelectorAll("form[data-next]")) {
  fetch(form.dataset.next, { redirect: "manual", credentials: "same-origin" })
    .then((answer) => { if (answer.ok) location.replace(form.dataset.next); })
    .catch(() => {});
}

// The fields of the scope that is chosen, and no others.
for (const group of document.querySelectorAll("[data-scopes]")) {
  const show = () => {
    for (const more of group.querySelectorAll("[data-scope]")) {
      more.hidden = !group.querySelector(`input[value="${more.dataset.scope}"]`).checked;
    }
  };
  group.addEventListener("change", show);
  show();
}

// Printing is the browser's; the button only saves the way to its menu.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
