// Keys: g and a letter goes somewhere, / to the filter, ? lists them all.

const GO_WITHIN_MS = 1200;
let goUntil = 0;

function isTyping(target) {
  return target.closest?.("input, select, textarea, [contenteditable], dialog[open]");
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target)) return;
  if (performance.now() < goUntil && go(event.key)) {
    event.preventDefault();
  } else if (event.key === "g") {
    goUntil = performance.now() + GO_WITHIN_MS;
    return;
  } else if (event.key === "/") {
    focusFilter(event);
  } else if (event.key === "?") {
    document.getElementById("keys-dialog")?.showModal();
  }
  goUntil = 0;
});

function go(key) {
  const link = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
  link?.click();
  return Boolean(link);
}

function focusFilter(event) {
  const filter = document.querySelector("[data-filter]");
  if (!filter) return;
  event.preventDefault();
  filter.focus();
  filter.select?.();
}
