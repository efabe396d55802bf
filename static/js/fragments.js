// What a fragment's replacement must not lose: open details, and the way to the login page.

const opened = new Set();

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
});
