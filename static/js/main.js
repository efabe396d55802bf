// Everything that every page needs; charts only come alive where their library is loaded.

import "./dialogs.js";
import "./fragments.js";
import "./notices.js";
import "./shortcuts.js";
import "./elements/candle-chart.js";
import "./elements/confirm-dialog.js";
import "./elements/copy-button.js";
import "./elements/equity-chart.js";
import "./elements/feed-age.js";
import "./elements/job-progress.js";
import "./elements/live-price.js";
import "./elements/live-socket.js";
import "./elements/push-button.js";
import "./elements/relative-time.js";
import "./elements/save-button.js";
import "./elements/theme-toggle.js";
import "./elements/time-left.js";
import "./elements/utc-clock.js";
