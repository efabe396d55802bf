// What a fragment's replacement must not disturb: reading, typing, open details, the login.

const opened = new Set();
let postponed = false;

// Somebody walks through it with the keyboard, or has marked something to copy.
function isInUse(element) {
  const selection = getSelection();
  const marked = !selection.isCollapsed && element.contains(selection.anchorNode);
  return marked || element.querySelector(":focus-visible") !== null;
}

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const { elt, requestConfig } = event.detail;
  if (!requestConfig.triggeringEvent?.type.startsWith("live:") || !isInUse(elt)) return;
  event.preventDefault();
  postponed = true;
});

document.addEventListener("focusout", () => {
  if (!postponed) return;
  postponed = false;
  setTimeout(() => document.body.dispatchEvent(new CustomEvent("refresh")), 300);
});

document.body.addEventListener("htmx:beforeSwap", (event) => {
  // A session that ended answers a fragment with the login page: show it as a page.
  if (new URL(event.detail.xhr.responseURL, location.href).pathname.startsWith("/accounts/login")) {
    event.detail.shouldSwap = false;
    location.reload();
    return;
  }
  opened.clear();
  for (const details of event.detail.target.querySelectorAll?.("details[id][open]") ?? []) {
    opened.add(details.id);
  }
});

document.body.addEventListener("htmx:afterSettle", () => {
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  showCurrentTab();
});

// On a phone the tabs scroll sideways: the current one must not be out of sight.
function showCurrentTab() {
  const tabs = document.querySelector(".tabs");
  const current = tabs?.querySelector("[aria-current]");
  if (current) tabs.scrollLeft = current.offsetLeft - tabs.clientWidth / 2;
}
showCurrentTab();
