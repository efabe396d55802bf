// <push-button key worker>: asks this browser for pushes and hands its subscription to the form.

class PushButton extends HTMLElement {
  connectedCallback() {
    this.querySelector("button").addEventListener("click", () => this.subscribe());
  }

  say(text) {
    this.querySelector("[data-said]").textContent = text;
  }

  async subscribe() {
    if (!("serviceWorker" in navigator && "PushManager" in window)) {
      this.say("This browser takes no pushes here: it needs HTTPS, or localhost.");
      return;
    }
    if ((await Notification.requestPermission()) !== "granted") {
      this.say("The browser was told not to show notifications of this console.");
      return;
    }
    try {
      const registration = await navigator.serviceWorker.register(this.getAttribute("worker"));
      await navigator.serviceWorker.ready;
      const subscription = await registration.pushManager.subscribe({
        userVisibleOnly: true,
        applicationServerKey: this.getAttribute("key"),
      });
      this.send(subscription.toJSON());
    } catch (error) {
      this.say(`The browser's push service refused: ${error.message}`);
    }
  }

  send({ endpoint, keys }) {
    const form = this.querySelector("form");
    const values = { name: browserName(), endpoint, p256dh: keys.p256dh, auth: keys.auth };
    for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
    form.dispatchEvent(new CustomEvent("subscribed"));
  }
}

function browserName() {
  const known = ["Firefox", "Edg", "OPR", "Chrome", "Safari"];
  const found = known.find((name) => navigator.userAgent.includes(`${name}/`)) ?? "Browser";
  const shown = { Edg: "Edge", OPR: "Opera" }[found] ?? found;
  return `${shown} since ${new Date().toISOString().slice(0, 16).replace("T", " ")}`;
}

customElements.define("push-button", PushButton);
