// <job-progress job-id>: a progress bar that follows the events of one job.

import { onEvent } from "../live.js";

class JobProgress extends HTMLElement {
  connectedCallback() {
    const id = Number(this.getAttribute("job-id"));
    this.end = onEvent("job.progress", (event) => event.job_id === id && this.show(event));
  }

  disconnectedCallback() {
    this.end?.();
  }

  show({ status, progress, message }) {
    const bar = this.querySelector("progress");
    bar.value = progress;
    bar.classList.toggle("is-done", status === "done");
    bar.classList.toggle("is-failed", status === "failed");
    this.querySelector("[data-percent]").textContent = `${progress}\u202f%`;
    this.querySelector("[data-message]").textContent = message;
  }
}

customElements.define("job-progress", JobProgress);
