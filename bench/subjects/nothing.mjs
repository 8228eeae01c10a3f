// The floor of the start row: Node.js, one line, nothing of ours.
console.log(JSON.stringify({ first: Number(process.hrtime.bigint()) }));
