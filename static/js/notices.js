// Notices go away by themselves, except errors; failures without an answer make their own.

const STAY_MS = 6000;
const region = document.getElementById("notices");

function arm(notice) {
  if (notice.classList.contains("notice--error")) return;
  setTimeout(() => notice.remove(), STAY_MS);
}

region.addEventListener("click", (event) => {
  if (event.target.closest("[data-close-notice]")) event.target.closest(".notice").remove();
});
new MutationObserver((changes) => {
  for (const change of changes) {
    for (const node of change.addedNodes) if (node.classList?.contains("notice")) arm(node);
  }
}).observe(region, { childList: true });
region.querySelectorAll(".notice").forEach(arm);

/** Show one line to the person. */
export function notice(text, level = "info") {
  const box = document.createElement("div");
  box.className = `notice notice--${level}`;
  box.setAttribute("role", level === "error" ? "alert" : "status");
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("class", "icon");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", level === "info" ? "#i-info" : "#i-alert");
  icon.append(use);
  const words = document.createElement("div");
  words.className = "notice__text";
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "notice__close";
  close.dataset.closeNotice = "";
  close.setAttribute("aria-label", "Close");
  close.textContent = "×";
  box.append(icon, words, close);
  region.replaceChildren(box);
}

// A refresh that nobody asked for fails in silence: the connection's mark tells it already.
function wasCommand(event) {
  return event.detail.requestConfig?.verb !== "get";
}

document.body.addEventListener("htmx:sendError", (event) => {
  if (wasCommand(event)) notice("The server can't be reached. Nothing was changed.", "error");
});
document.body.addEventListener("htmx:responseError", (event) => {
  if (wasCommand(event)) notice("Something went wrong on the server; its log has the details.", "error");
});
