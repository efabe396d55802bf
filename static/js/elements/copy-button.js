// <copy-button text>: copies its text and says so.

class CopyButton extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(this.getAttribute("text"));
      const label = button.querySelector("[data-label]");
      label.textContent = "Copied";
      setTimeout(() => (label.textContent = "Copy"), 1600);
    });
  }
}

customElements.define("copy-button", CopyButton);
