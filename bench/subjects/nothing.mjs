// The baseline of the start row: Node.js prints one line and loads nothing of perfring.
console.log(JSON.stringify({ first: Number(process.hrtime.bigint()) }));
