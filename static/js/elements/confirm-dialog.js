// <confirm-dialog>: asks an hx-confirm question in the console's own dialog.

class ConfirmDialog extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.querySelector("[data-no]").addEventListener("click", () => this.dialog.close());
    this.querySelector("[data-yes]").addEventListener("click", () => {
      this.dialog.close();
      this.go?.();
    });
    document.body.addEventListener("htmx:confirm", (event) => this.ask(event));
  }

  ask(event) {
    const question = event.detail.question;
    if (!question) return;
    event.preventDefault();
    const { elt } = event.detail;
    this.go = () => event.detail.issueRequest(true);
    this.querySelector("[data-question]").textContent = question;
    const yes = this.querySelector("[data-yes]");
    yes.textContent = elt.dataset.confirmVerb ?? elt.textContent.trim() ?? "Yes";
    yes.classList.toggle("button--danger", "danger" in elt.dataset);
    yes.classList.toggle("button--primary", !("danger" in elt.dataset));
    this.dialog.showModal();
  }
}

customElements.define("confirm-dialog", ConfirmDialog);
