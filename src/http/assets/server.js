// What the server is asked. Everything else goes by what these return.

/** The page at a path, read; nothing if it is as it was when it had this tag. */
export async function page(path, etag) {
  const headers = { accept: "text/html" };
  if (etag) headers["if-none-match"] = etag;
  const response = await fetch(path, { headers, cache: "no-store" });
  if (response.status === 304) return { etag };
  if (!response.ok) throw await failure(response);
  const text = await response.text();
  return { etag: response.headers.get("etag"), page: new DOMParser().parseFromString(text, "text/html") };
}

/** Does what a form of the gallery does; returns how many were done and what failed. */
export async function act(fields, options = {}) {
  const headers = { accept: "application/json", "content-type": "application/x-www-form-urlencoded;charset=UTF-8" };
  const response = await fetch("/gallery", { method: "POST", headers, body: new URLSearchParams(fields), ...options });
  if (!response.ok) throw await failure(response);
  return response.json();
}

/** Sends a file; `progress` is told the part that is sent, from 0 to 1. */
export function upload(file, tags, progress) {
  return new Promise((resolve, reject) => {
    const query = new URLSearchParams({ name: file.name || "pasted.png" });
    for (const tag of tags) query.append("tag", tag);
    const request = new XMLHttpRequest();
    request.open("POST", `/images?${query}`);
    request.setRequestHeader("content-type", file.type.startsWith("image/") ? file.type : "application/octet-stream");
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 201) return resolve();
      reject(new Error(sentence(request.status, request.responseText)));
    };
    request.onerror = () => reject(new Error("Burrow cannot be reached; try again"));
    request.send(file);
  });
}

async function failure(response) {
  return new Error(sentence(response.status, await response.text()));
}

function sentence(status, text) {
  if (status === 401) return "a token is needed for this: load the page again and sign in";
  try {
    return JSON.parse(text).detail;
  } catch {
    return `the server answered ${status}`;
  }
}
