/* <script async src="https://rapport.example.com/t.js" data-key="rk_…"></script>
 * Stores nothing before rapport.consent(true); until then the id of a visitor ends with the page.
 * Browsers that ask not to be tracked (DNT, GPC) send nothing. See docs/tracking.md. */
(function (window, document, navigator) {
  "use strict";
  var tag = document.currentScript;
  var early = window.rapport || [];
  if (!tag || early.version) return;

  var endpoint = new URL("/v1/batch", tag.src).href;
  var key = tag.getAttribute("data-key");
  var refused = navigator.doNotTrack === "1" || navigator.globalPrivacyControl;
  var most = 50;
  var queue = [];
  var timer, sending, seen;
  var delay = 1000;
  var known = stored("getItem");
  var allowed = !!known.anonymousId;
  if (!allowed) forget();

  function stored(verb, value) {
    try {
      return JSON.parse(window.localStorage[verb]("rapport", value) || "{}");
    } catch (error) {
      return {}; // Forbidden or full.
    }
  }

  function keep() {
    if (allowed) stored("setItem", JSON.stringify(known));
  }

  function forget() {
    known = { anonymousId: uuid() };
  }

  function uuid() {
    var bytes = window.crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, function (byte) {
      return (byte + 256).toString(16).slice(1);
    }).join("");
  }

  function campaign() {
    var found = {};
    new URLSearchParams(location.search).forEach(function (value, name) {
      if (/^utm_/.test(name)) found[name.slice(4).replace("campaign", "name")] = value;
    });
    return found;
  }

  function add(type, fields) {
    if (refused) return;
    var call = {
      type: type,
      messageId: uuid(),
      timestamp: new Date().toISOString(),
      context: { locale: navigator.language, campaign: campaign() },
    };
    queue.push(Object.assign(call, known, fields));
    if (queue.length >= most) flush();
    else timer = timer || setTimeout(flush, 300);
  }

  function next() {
    var calls = queue.splice(0, most);
    return {
      calls: calls,
      text: JSON.stringify({ writeKey: key, sentAt: new Date().toISOString(), batch: calls }),
    };
  }

  function flush() {
    clearTimeout(timer);
    timer = 0;
    if (sending || !queue.length) return;
    var one = next();
    sending = true;
    fetch(endpoint, {
      method: "POST",
      body: one.text,
      headers: { "Content-Type": "text/plain" },
      credentials: "omit",
      keepalive: one.text.length < 60000,
    })
      .then(function (answer) {
        answer.text();
        return answer.status === 429 || answer.status > 499;
      })
      .catch(function () {
        return true;
      })
      .then(function (again) {
        sending = false;
        if (again) {
          queue = one.calls.concat(queue).slice(-1000);
          timer = setTimeout(flush, delay);
        } else if (queue.length) flush();
        delay = again ? Math.min(delay * 2, 60000) : 1000;
      });
  }

  function leave() {
    while (queue.length) {
      var one = next();
      if (!navigator.sendBeacon(endpoint, one.text)) {
        queue = one.calls.concat(queue);
        return;
      }
    }
  }

  function page(properties) {
    var told = {
      url: location.href,
      path: location.pathname,
      search: location.search,
      title: document.title,
      referrer: seen || document.referrer,
    };
    seen = told.url;
    add("page", { name: told.title, properties: Object.assign(told, properties) });
  }

  function moved() {
    setTimeout(function () {
      if (location.href !== seen) page();
    });
  }

  function track(event, properties) {
    add("track", { event: event, properties: properties || {} });
  }

  var rapport = (window.rapport = {
    version: 1,
    page: page,
    track: track,
    identify: function (userId, traits) {
      if (userId) known.userId = "" + userId;
      keep();
      add("identify", { traits: traits || {} });
    },
    consent: function (given) {
      allowed = !!given;
      if (allowed) return keep();
      stored("removeItem");
      forget();
    },
    reset: function () {
      forget();
      keep();
    },
    productViewed: track.bind(null, "Product Viewed"),
    productAdded: track.bind(null, "Product Added"),
    productRemoved: track.bind(null, "Product Removed"),
    cartViewed: track.bind(null, "Cart Viewed"),
    checkoutStarted: track.bind(null, "Checkout Started"),
    orderCompleted: track.bind(null, "Order Completed"),
  });

  ["pushState", "replaceState"].forEach(function (name) {
    var original = history[name];
    history[name] = function () {
      original.apply(history, arguments);
      moved();
    };
  });
  addEventListener("popstate", moved);
  addEventListener("pagehide", leave);
  page();
  // What the page asked for before we were here: rapport = [["track", "Tea Brewed"]]
  early.forEach(function (call) {
    rapport[call[0]].apply(null, call.slice(1));
  });
})(window, document, navigator);
