// Downloads an original and compares its SHA-256 with the one that was recorded when it was stored.

const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Checks the image of a button; says the result beside it. */
export async function check(button) {
  const output = button.parentElement.querySelector("output");
  const say = (text, isBad = false) => {
    output.textContent = text;
    output.className = isBad ? "error" : "good";
  };
  if (!crypto.subtle) return say("Browsers check bytes only over HTTPS or on localhost.", true);
  button.disabled = true;
  say("Downloading…");
  try {
    const response = await fetch(button.dataset.check, { cache: "no-store" });
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    const bytes = await response.arrayBuffer();
    const same = hex(await crypto.subtle.digest("SHA-256", bytes)) === button.dataset.sha256;
    const count = bytes.byteLength.toLocaleString("en");
    if (same && bytes.byteLength === Number(button.dataset.bytes)) say(`Verified: the same ${count} bytes, SHA-256 as above.`);
    else say(`The ${count} bytes that came are not those that were stored.`, true);
  } catch (error) {
    say(`The image could not be checked: ${error.message}.`, true);
  }
  button.disabled = false;
}
