// <theme-toggle>: dark or light, remembered in a cookie that the server reads for the next page.

const YEAR_S = 31536000;

class ThemeToggle extends HTMLElement {
  connectedCallback() {
    this.querySelector("button").addEventListener("click", () => this.toggle());
    this.show();
  }

  get theme() {
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    return document.documentElement.dataset.theme ?? system;
  }

  toggle() {
    const theme = this.theme === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `theme=${theme}; path=/; max-age=${YEAR_S}; samesite=lax${secure}`;
    this.show();
    document.dispatchEvent(new CustomEvent("theme-changed"));
  }

  show() {
    this.querySelector("use").setAttribute("href", this.theme === "dark" ? "#i-sun" : "#i-moon");
  }
}

customElements.define("theme-toggle", ThemeToggle);
