// <save-button text name>: saves its text as a file of that name, without asking the server again.

class SaveButton extends HTMLElement {
  connectedCallback() {
    this.querySelector("button").addEventListener("click", () => {
      const url = URL.createObjectURL(new Blob([this.getAttribute("text")], { type: "text/plain" }));
      const link = document.createElement("a");
      link.href = url;
      link.download = this.getAttribute("name");
      link.click();
      URL.revokeObjectURL(url);
    });
  }
}

customElements.define("save-button", SaveButton);
