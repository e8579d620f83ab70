// Starts the scripts of the gallery. Without scripts, everything works by forms and links.

import "./keys.js";
import "./lightbox.js";
import "./live.js";
import "./months.js";
import "./pictures.js";
import "./scroll.js";
import "./scrubber.js";
import "./search.js";
import "./select.js";
import "./side.js";
import "./thin.js";
import { times } from "./times.js";
import { forget } from "./toast.js";
import "./views.js";

times();
forget();
