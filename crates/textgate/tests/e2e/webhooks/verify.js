// Verifies webhooks with the published library: a line of JSON in (secret, headers, body), "ok" or why not out.
const { Webhook } = require('standardwebhooks');
const lines = require('readline').createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const { secret, headers, body } = JSON.parse(line);
  try {
    new Webhook(secret).verify(body, headers);
    console.log('ok');
  } catch (error) {
    console.log(String(error));
  }
});
