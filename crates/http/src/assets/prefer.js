// Applies what the reader prefers before anything is painted. It is kept in this browser and nowhere else.
try {
  for (const name of ["view", "details", "tags", "theme"]) {
    const value = localStorage.getItem(name);
    if (value) document.documentElement.dataset[name] = value;
  }
} catch {
  // A browser that keeps nothing shows the defaults.
}
